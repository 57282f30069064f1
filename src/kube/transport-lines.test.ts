import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Lines } from './transport-lines.ts'

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

it('gives the same lines however the bytes are cut, inside of characters too', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => JSON.stringify({ text }))
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(line), sizes, (texts, sizes) => {
      const lines = new Lines()
      const seen: string[] = []
      for (const chunk of cut(Buffer.from(texts.map((text) => `${text}\n`).join('')), sizes)) {
        lines.add(chunk, (text) => seen.push(text))
      }
      expect(seen).toEqual(texts)
      expect(lines.open).toBe(false)
    }),
  )
})

it('knows of a line that was begun', () => {
  const lines = new Lines()
  const seen: string[] = []
  lines.add(Buffer.from('one\r\n\ntw'), (text) => seen.push(text))
  expect(lines.open).toBe(true)
  lines.add(Buffer.from('o\n'), (text) => seen.push(text))
  expect([seen, lines.open]).toEqual([['one', 'two'], false])
})
