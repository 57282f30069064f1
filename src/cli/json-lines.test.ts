import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linesOf } from './json-lines.ts'

async function read(chunks: readonly (string | Buffer)[], maxBytes?: number): Promise<(string | null)[]> {
  async function* input() {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const lines: (string | null)[] = []
  for await (const line of linesOf(input(), maxBytes)) lines.push(line === null ? null : line.toString())
  return lines
}

describe('lines', () => {
  it.each([
    ['each ends with a line feed', ['a\nb\n'], ['a', 'b']],
    ['the last needs none', ['a\nb'], ['a', 'b']],
    ['empty ones count', ['\n\na\n'], ['', '', 'a']],
    ['nothing has none', [], []],
    ['a line over several chunks', ['a', 'b', 'c\nd'], ['abc', 'd']],
    ['a character over two chunks', [Buffer.from([0xc3]), Buffer.from([0xbc, 0x0a])], ['ü']],
    ['what JSON has in strings ends none', ['a\u2028b\u0085c\n'], ['a\u2028b\u0085c']],
  ])('%s', async (_, chunks, lines) => {
    expect(await read(chunks)).toEqual(lines)
  })

  it('one that is too long is not kept, and the next is read all the same', async () => {
    expect(await read(['abcd', 'ef\nabc\nabcd\n', 'abcd'], 3)).toEqual([null, 'abc', null, null])
  })

  it('are the same however the stream is cut', async () => {
    const pieces = fc.array(fc.array(fc.constantFrom('a', 'bb', '\n', 'ccc')).map((parts) => parts.join('')))
    await fc.assert(
      fc.asyncProperty(pieces, async (chunks) => {
        expect(await read(chunks, 4)).toEqual(await read([chunks.join('')], 4))
      }),
    )
  })
})
