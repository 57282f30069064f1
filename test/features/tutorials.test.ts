import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { blocksOf, missingLine, Reader } from '../support/tutorial.ts'

const top = join(import.meta.dirname, '..', '..')
const folder = join(top, 'docs', 'tutorials')
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md')

/** A tutorial has two dozen commands, each a process of its own, milliseconds. */
const patience = 240_000

describe('a reader who follows', () => {
  it.each(pages)(
    '%s gets what it promises',
    async (name) => {
      const blocks = blocksOf(readFileSync(join(folder, name), 'utf8'))
      await using reader = await Reader.sitsDown(top)
      for (const [at, block] of blocks.entries()) {
        const next = blocks[at + 1]
        await reader.follow(block, next?.language === 'text' ? next.text : undefined)
      }
    },
    patience,
  )

  it.each(pages)('%s types nothing that is not tried, but in a cluster', (name) => {
    for (const { line, language, marks, text } of blocksOf(readFileSync(join(folder, name), 'utf8'))) {
      if (language !== 'sh') continue
      const tried = ['run', 'start', 'watch'].some((mark) => marks.includes(mark))
      expect(tried || marks.includes('cluster'), `${name}:${line}`).toBe(true)
      for (const [, file = ''] of text.matchAll(/(?:-f|--filename) (examples\/\S+)/g))
        expect(existsSync(join(top, file)), file).toBe(true)
    }
  })
})

it('what is expected is looked for line by line, in order', () => {
  const printed = 'one two\n  three   four\nfive\n'
  expect(missingLine('one…\nthree four\nfive', printed)).toBeNull()
  expect(missingLine('three\n…\none', printed)).toBe('one')
  expect(missingLine('one three', printed)).toBe('one three')
})
