import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { problemCodes } from './errors.ts'
import { found, labels, ofKnative, written } from './marks.ts'
import { eventReasonNames } from './reasons.ts'
import { referenceFiles, staleReference, writeReference } from './reference.ts'

const src = join(import.meta.dirname, '..', '..')
const shipped = join(src, '..', 'docs', 'reference')
/** The code, without its tests and without the words about it. */
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith(join('cli', 'reference')))
  .map((name) => ({ name, text: readFileSync(join(src, name), 'utf8') }))

/** What `pattern` finds in the files below a folder: its first group. */
function inCode(pattern: RegExp, below = ''): readonly string[] {
  const texts = files.filter(({ name }) => name.startsWith(below)).map(({ text }) => text)
  return [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')))].toSorted()
}

describe('docs/reference', () => {
  it('is as it would be generated now', () => {
    expect(staleReference(shipped)).toEqual([])
  })

  it('is stale when a file differs, is missing, or is one of former days', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
    writeReference(folder)
    expect(staleReference(folder)).toEqual([])
    writeFileSync(join(folder, 'errors.md'), 'edited')
    writeFileSync(join(folder, 'former.md'), '')
    expect(staleReference(folder)).toEqual([join(folder, 'errors.md'), join(folder, 'former.md')])
  })

  it('has no field, flag or key without words', () => {
    for (const [name, text] of referenceFiles()) {
      if (name === 'annotations.md' || name === 'errors.md') continue
      const bare = text.split('\n').filter((line) => /^\| `.*\|\s*\|$/.test(line))
      // the default of a flag is the last column
      expect(name === 'commands.md' ? [] : bare, name).toEqual([])
    }
  })
})

describe('annotations and labels', () => {
  const known = [...written, ...labels, ...found, ...ofKnative].map(({ name }) => name)
  /** `<domain>/<name>`, but for versions of the API, names of webhooks and fields, and finalizers. */
  const mark = /['"`]((?:[a-z][a-z-]*\.)*(?:millrace|knative)\.dev\/[a-zA-Z][a-zA-Z0-9.-]*)/g
  const none = /\/(v\d\w*|millrace)$|^(trigger|broker)s?\.eventing\./

  it('are all in the table that the code knows', () => {
    const used = inCode(mark).filter((name) => !none.test(name))
    expect(used.length).toBeGreaterThan(20)
    const unknown = used.filter(
      (name) => !known.some((one) => (one.endsWith('/') ? name.startsWith(one) : name === one)),
    )
    expect(unknown).toEqual([])
  })

  it('are all in the code that the table has', () => {
    const all = files.map(({ text }) => text).join('\n')
    expect(known.filter((name) => !all.includes(name))).toEqual([])
  })
})

describe('codes and reasons', () => {
  it('of the ingress are those of its code, no more and no less', () => {
    const ingress = join('data-plane', 'ingress')
    const made = [...inCode(/\bcode: '(\w+)'/g, ingress), ...inCode(/problem\(\s*\d{3},\s*'(\w+)'/g, ingress)]
    const refused = inCode(/^ {2}\| '(\w+)'$/gm, join('data-plane', 'wire', 'refusal'))
    expect([...problemCodes].toSorted()).toEqual([...new Set([...made, ...refused])].toSorted())
  })

  it('of Events are those that are told', () => {
    const told = inCode(/\.event\(\s*[\w.]+,\s*'(?:Warning|Normal)',\s*'(\w+)'/g)
    const ofRemains = inCode(/^ {4}event: '([A-Z]\w+)',$/gm, join('control-plane', 'kafka-remains'))
    expect(told.length * ofRemains.length).toBeGreaterThan(1)
    const ofWorkers = inCode(/\breason: '([A-Z]\w+)'/g, join('control-plane', 'workers'))
    const ofEvents = inCode(/^ {2}\w+: '([A-Z]\w+)',$/gm, join('control-plane', 'undelivered'))
    expect(ofWorkers.length * ofEvents.length).toBeGreaterThan(0)
    expect(
      [...told, ...ofRemains, ...ofWorkers, ...ofEvents].filter((reason) => !eventReasonNames.includes(reason)),
    ).toEqual([])
  })
})
