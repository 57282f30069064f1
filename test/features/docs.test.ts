import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { program } from '../../src/cli/program.ts'

const top = join(import.meta.dirname, '..', '..')

/** All Markdown that we wrote. */
const pages = ['docs', 'examples', 'test', 'bench', 'config']
  .flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .concat(readdirSync(top))
  .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))

const textOf = (name: string): string => readFileSync(join(top, name), 'utf8')
/** Without code, where brackets are no links and # is no heading. */
const prose = (text: string): string =>
  text
    .replaceAll(/^```.*?^```/gms, '')
    .replaceAll(/^ {4}.*$/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()#]/g, ''))

/** As GitHub names headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .trim()
    const name = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
    let unique = name
    for (let n = 1; anchors.has(unique); n += 1) unique = `${name}-${n}`
    anchors.add(unique)
  }
  return anchors
}

/** What a link that is not to the web misses; null: it leads somewhere. */
function missing(from: string, link: string): string | null {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? join(top, from) : resolve(top, dirname(from), decodeURI(path))
  if (!existsSync(target)) return `${from}: there is no ${link}`
  if (anchor === undefined || statSync(target).isDirectory()) return null
  return anchorsOf(readFileSync(target, 'utf8')).has(anchor)
    ? null
    : `${from}: ${relative(top, target)} has no heading for #${anchor}`
}

describe('the documents', () => {
  it('are some', () => {
    expect(pages).toContain('README.md')
    expect(pages.length).toBeGreaterThan(40)
  })

  it.each(pages)('%s: each link leads to a file and a heading that exist', (name) => {
    const links = [...prose(textOf(name)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const own = links.filter((link) => !/^(https?|mailto):/.test(link))
    expect(own.map((link) => missing(name, link)).filter((problem) => problem !== null)).toEqual([])
  })
})

describe('commands that documents name', () => {
  const commands = new Map(program().commands.map((command) => [command.name(), command]))
  const told = pages.flatMap((name) => commandsIn(textOf(name)).map((words) => ({ name, words })))

  it('are many', () => {
    expect(told.length).toBeGreaterThan(50)
  })

  it('exist, with their flags', () => {
    const wrong = told.flatMap(({ name, words }) => {
      const [first = '', ...rest] = words
      const command = commands.get(first)
      if (command === undefined) return [`${name}: millrace ${first}`]
      return unknownFlags(command, rest).map((flag) => `${name}: millrace ${first} ${flag}`)
    })
    expect(wrong).toEqual([])
  })
})

/** Each `millrace COMMAND …` in code, as words up to the end of the command. */
function commandsIn(text: string): readonly (readonly string[])[] {
  const code = [...text.matchAll(/^```.*?^```/gms), ...text.matchAll(/^ {4}.*$/gm), ...text.matchAll(/`[^`\n]+`/g)].map(
    ([part]) => part.replaceAll('\\\n', ' '),
  )
  return code.flatMap((part) =>
    [...part.matchAll(/(?:^|[\s`(|])millrace ([a-z-]+\b[^\n|;)`]*)/g)]
      .map(([, words = '']) => words.split(/\s+#\s/)[0]?.split(/\s+/) ?? [])
      .filter(([first = '']) => /^[a-z]+$/.test(first) && !['dev,', 'and'].includes(first)),
  )
}

function unknownFlags({ options }: Command, words: readonly string[]): readonly string[] {
  const known = new Set(['--help', '-h', ...options.flatMap(({ short, long }) => [short ?? '', long ?? ''])])
  return words.map((word) => word.split('=')[0] ?? '').filter((word) => /^--?[a-z]/.test(word) && !known.has(word))
}
