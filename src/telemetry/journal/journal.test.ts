import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { createLogger } from '../logger.ts'
import { Journal, type JournalOptions } from './journal.ts'
import { hashOf, type Note, type Remembered, type Wanted } from './note.ts'

const logger = createLogger('silent')
const folder = (): string => mkdtempSync(join(tmpdir(), 'journal-'))
const folders: string[] = []
afterEach(() => folders.splice(0).forEach((one) => rmSync(one, { recursive: true, force: true })))

const bounds = { bytes: 16 * 1024 * 1024, ageMs: 3_600_000 }
const open = (more: Partial<JournalOptions> = {}): Journal => {
  const options = { folder: more.folder ?? folder(), bounds, clock: systemClock, logger, flushMs: 10, ...more }
  folders.push(options.folder)
  return new Journal(options)
}
const note = (more: Partial<Note> = {}): Note => ({
  ...{ kind: 1, hash: 7, extra: 0, subject: 'uid', topic: 'topic', partition: 0, offset: 0, status: 200 },
  ...more,
})
const recalled = async (journal: Journal, wanted: Wanted): Promise<Remembered[]> => {
  const found: Remembered[] = []
  await journal.recall(wanted, (one) => found.push(one))
  return found
}
const filesIn = (folder: string): string[] => readdirSync(folder).sort()
const sizeOf = (folder: string): number =>
  filesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

/** Any text that a sender may put into an id. */
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(fc.string({ unit: 'binary', maxLength }), fc.constantFrom('', '\n', '\0', '"}\n{', 'ä€😀', '\u2028'))
const notes = fc.record({
  kind: fc.integer({ min: 1, max: 127 }),
  hash: fc.integer({ min: 0, max: 3 }),
  extra: fc.integer({ min: 0, max: 0xffffffff }),
  subject: text(40),
  topic: fc.constantFrom('a', 'b', ''),
  partition: fc.integer({ min: 0, max: 2 }),
  offset: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(Number.MAX_SAFE_INTEGER)),
  status: fc.integer({ min: 0, max: 65_535 }),
  text: fc.option(fc.oneof(text(200), fc.constant('x'.repeat(70_000))), { nil: undefined }),
})
const kept = ({ text, ...rest }: Note): Note => (text === undefined || text === '' ? rest : { ...rest, text })
const withoutTime = ({ at: _at, ...rest }: Remembered): Note => rest

describe('a journal', () => {
  it('gives back what was noted, by hash and by place, in order, whatever it is, also to the next process', async () => {
    const matches = (wanted: Wanted, one: Note): boolean =>
      'hash' in wanted
        ? one.hash === wanted.hash
        : one.topic === wanted.topic && one.partition === wanted.partition && one.offset === wanted.offset
    const asked: Wanted[] = [
      { hash: 1 },
      { topic: 'a', partition: 1, offset: 2 },
      { topic: '', partition: 0, offset: Number.MAX_SAFE_INTEGER },
    ]
    const property = fc.asyncProperty(
      fc.array(notes, { maxLength: 60 }),
      fc.integer({ min: 0, max: 60 }),
      async (all, cut) => {
        const journal = open()
        const at = folders.at(-1) ?? ''
        all.slice(0, cut).forEach((one) => journal.note(one))
        await journal.flush()
        all.slice(cut).forEach((one) => journal.note(one))
        const expected = asked.map((wanted) => all.filter((one) => matches(wanted, one)).map(kept))
        const found = async (from: Journal): Promise<Note[][]> =>
          Promise.all(asked.map(async (wanted) => (await recalled(from, wanted)).map(withoutTime)))
        expect(await found(journal)).toEqual(expected)
        await journal.close(30_000)
        const next = open({ folder: at })
        expect(await found(next)).toEqual(expected)
        await next.close(30_000)
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  it('says when things were, and from when on it remembers everything, also over a restart', async () => {
    const before = Date.now()
    const journal = open()
    journal.note(note())
    const [one] = await recalled(journal, { hash: 7 })
    expect(one?.at).toBeGreaterThanOrEqual(before)
    const { from, trouble } = await journal.recall({ hash: 1 }, () => {})
    expect(from).toBeGreaterThanOrEqual(before)
    expect(from).toBeLessThanOrEqual(one?.at ?? 0)
    expect(trouble).toBeUndefined()
    await journal.close(30_000)
    const next = open({ folder: folders.at(-1) ?? '' })
    expect((await next.recall({ hash: 1 }, () => {})).from).toBe(from)
    await next.close(30_000)
  })

  it('that was cut off anywhere keeps what stands before, and says that it may lack something', async () => {
    const journal = open()
    const at = folders.at(-1) ?? ''
    for (let round = 0; round < 4; round++) {
      for (let offset = 0; offset < 3; offset++)
        journal.note(note({ offset: round * 3 + offset, text: 'why'.repeat(round) }))
      await journal.flush()
    }
    await journal.close(30_000)
    const [name = ''] = filesIn(at)
    const whole = readFileSync(join(at, name))
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: whole.length }),
      fc.boolean(),
      async (cut, isGarbled) => {
        const copy = folder()
        const torn = Buffer.from(whole)
        // what was not written yet may be anything
        if (isGarbled) torn.fill(0x5a, cut)
        writeFileSync(join(copy, name), isGarbled ? torn : torn.subarray(0, cut))
        const openedAt = Date.now()
        const next = open({ folder: copy })
        next.note(note({ offset: 99 }))
        const found = (await recalled(next, { hash: 7 })).map(({ offset }) => offset)
        expect(found.at(-1)).toBe(99)
        const old = found.slice(0, -1)
        // whole blocks, from the first one on
        expect(old).toEqual([...Array(old.length).keys()])
        expect(old.length % 3).toBe(0)
        const { from } = await next.recall({ hash: 0 }, () => {})
        if (cut < whole.length) expect(from).toBeGreaterThanOrEqual(openedAt)
        await next.close(30_000)
      },
    )
    await fc.assert(property, { numRuns: 80 })
  })

  it('passes over a block that is not as it was written, and says so by the time from which it remembers', async () => {
    const journal = open()
    const at = folders.at(-1) ?? ''
    const ends: number[] = []
    for (let offset = 0; offset < 3; offset++) {
      journal.note(note({ offset }))
      await journal.flush()
      ends.push(sizeOf(at))
    }
    const bytes = readFileSync(join(at, filesIn(at)[0] ?? ''))
    const middle = Math.floor(((ends[0] ?? 0) + (ends[1] ?? 0)) / 2) + 8
    bytes[middle] = (bytes[middle] ?? 0) ^ 1
    writeFileSync(join(at, filesIn(at)[0] ?? ''), bytes)
    const found = await recalled(journal, { hash: 7 })
    expect(found.map(({ offset }) => offset)).toEqual([0, 2])
    expect((await journal.recall({ hash: 7 }, () => {})).from).toBe(found[1]?.at)
    await journal.close(30_000)
  })

  it('keeps to its bound in bytes, and gives up what is oldest', async () => {
    const bytes = 1024 * 1024
    const journal = open({ bounds: { bytes, ageMs: 3_600_000 } })
    const at = folders.at(-1) ?? ''
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 2_000; n++) journal.note(note({ offset: round }))
      await journal.flush()
      expect(sizeOf(at)).toBeLessThanOrEqual(bytes)
    }
    expect(journal.bytes).toBe(sizeOf(at))
    const offsets = new Set((await recalled(journal, { hash: 7 })).map(({ offset }) => offset))
    expect(offsets.has(0)).toBe(false)
    // at least six of eight parts
    expect(offsets.size).toBeGreaterThan((bytes * 6) / 8 / (2_000 * 32) - 1)
    expect([...offsets].at(-1)).toBe(29)
    expect(journal.lost).toBe(0)
    await journal.close(30_000)
  })

  it('forgets what is too old', async () => {
    let now = 1_000_000
    const clock: Clock = { now: () => now, monotonic: () => performance.now() }
    const journal = open({ clock, bounds: { bytes: 1024 * 1024, ageMs: 80_000 } })
    const offsets = async (): Promise<number[]> => (await recalled(journal, { hash: 7 })).map(({ offset }) => offset)
    for (let minute = 0; minute < 5; minute++) {
      journal.note(note({ offset: minute }))
      await journal.flush()
      now += 60_000
    }
    expect(await offsets()).toEqual([4])
    expect(filesIn(folders.at(-1) ?? '').length).toBeLessThan(5)
    expect((await journal.recall({ hash: 7 }, () => {})).from).toBe(now - 80_000)
    now += 80_000
    expect(await offsets()).toEqual([])
    await journal.close(30_000)
  })

  it('where nothing can be written goes on, counts what it lost, says why, and begins again when it can', async () => {
    const at = folder()
    const blocked = join(at, 'file')
    writeFileSync(blocked, '')
    let passed = 0
    const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() + passed }
    const journal = open({ folder: join(blocked, 'below'), clock })
    folders.push(at)
    for (let n = 0; n < 5_000; n++) journal.note(note({ offset: n }))
    const { from, trouble } = await journal.recall({ hash: 7 }, () => {})
    expect(trouble).toContain('cannot be written')
    expect(journal.lost).toBe(5_000)
    expect(Date.now() - from).toBeLessThan(60_000)
    rmSync(blocked)
    mkdirSync(blocked)
    passed = 60_000
    journal.note(note({ offset: 5_001 }))
    expect((await recalled(journal, { hash: 7 })).map(({ offset }) => offset)).toEqual([5_001])
    expect((await journal.recall({ hash: 7 }, () => {})).trouble).toBeUndefined()
    expect(journal.lost).toBe(5_000)
    await journal.close(30_000)
  })

  it('takes what it can of a burst, in bounded memory, and loses the rest', async () => {
    const journal = open({ maxPendingBytes: 256 * 1024 })
    for (let n = 0; n < 100_000; n++) journal.note(note({ offset: n }))
    await journal.flush()
    const found = await recalled(journal, { hash: 7 })
    expect(journal.lost).toBeGreaterThan(0)
    expect(found.length).toBe(100_000 - journal.lost)
    // nothing is said to be remembered that may lie in the gap
    const last = found.at(-1)
    const { from } = await journal.recall({ hash: 7 }, () => {})
    expect(from).toBeGreaterThanOrEqual(last?.at ?? Infinity)
    journal.note(note({ offset: 200_000 }))
    await journal.close(30_000)
    // nor by the next process
    const next = open({ folder: folders.at(-1) ?? '' })
    expect((await next.recall({ hash: 7 }, () => {})).from).toBeGreaterThanOrEqual(last?.at ?? Infinity)
    await next.close(30_000)
  })

  it('loses one that is too large, and no other', async () => {
    const journal = open()
    journal.note(note({ offset: 1 }))
    journal.note(note({ offset: 2, text: 'x'.repeat(2_000_000) }))
    journal.note(note({ offset: 3, text: 'y'.repeat(500_000) }))
    expect((await recalled(journal, { hash: 7 })).map(({ offset }) => offset)).toEqual([1, 3])
    expect(journal.lost).toBe(1)
    await journal.close(30_000)
  })

  it('of a folder that somebody else writes to, too, loses nothing', async () => {
    const at = folder()
    const [one, other] = [open({ folder: at }), open({ folder: at })]
    for (let offset = 0; offset < 10; offset++) {
      one.note(note({ offset }))
      other.note(note({ offset: 100 + offset }))
      await Promise.all([one.flush(), other.flush()])
    }
    await Promise.all([one.close(30_000), other.close(30_000)])
    const next = open({ folder: at })
    expect(await recalled(next, { hash: 7 })).toHaveLength(20)
    await next.close(30_000)
  })

  it('goes on in a new file where somebody has deleted the one that it writes to, and the folder with it', async () => {
    const journal = open()
    const at = folders.at(-1) ?? ''
    journal.note(note({ offset: 1 }))
    await journal.flush()
    rmSync(at, { recursive: true })
    const gone = Date.now()
    for (const offset of [2, 3]) {
      journal.note(note({ offset }))
      await journal.flush()
    }
    expect((await recalled(journal, { hash: 7 })).map(({ offset }) => offset)).toEqual([2, 3])
    const { from, trouble } = await journal.recall({ hash: 7 }, () => {})
    expect([from >= gone, trouble]).toEqual([true, undefined])
    expect(journal.bytes).toBe(sizeOf(at))
    await journal.close(30_000)
    const next = open({ folder: at })
    expect(await recalled(next, { hash: 7 })).toHaveLength(2)
    await next.close(30_000)
  })

  it('loses nothing to a process that begins in its folder before it has noted anything', async () => {
    const first = open()
    const at = folders.at(-1) ?? ''
    await first.flush()
    const second = open({ folder: at })
    await second.flush()
    for (const [n, journal] of [first, second].entries()) {
      journal.note(note({ offset: n }))
      await journal.flush()
      expect((await recalled(journal, { hash: 7 })).map(({ offset }) => offset)).toContain(n)
    }
    await Promise.all([first.close(30_000), second.close(30_000)])
    const next = open({ folder: at })
    expect(await recalled(next, { hash: 7 })).toHaveLength(2)
    await next.close(30_000)
  })

  it('of which the rest of a file cannot be read any more does not say that it remembers that', async () => {
    const journal = open({ bounds: { bytes: 1024 * 1024, ageMs: 3_600_000 } })
    const at = folders.at(-1) ?? ''
    for (let offset = 0; offset < 10_000; offset++) {
      journal.note(note({ offset }))
      if (offset % 100 === 99) await journal.flush()
    }
    const [name = '', second = ''] = filesIn(at)
    expect(second).not.toBe('')
    const bytes = readFileSync(join(at, name))
    // the head of its second block
    bytes.fill(0, bytes.indexOf(bytes.subarray(16, 20), 20)).fill(0, 40_000)
    writeFileSync(join(at, name), bytes)
    const found = await recalled(journal, { hash: 7 })
    expect(found[0]?.offset).toBe(0)
    const gap = found.findIndex(({ offset }, n) => offset !== n)
    expect(gap).toBeGreaterThan(0)
    expect((await journal.recall({ hash: 7 }, () => {})).from).toBeGreaterThanOrEqual(found[gap]?.at ?? Infinity)
    await journal.close(30_000)
  })

  it('leaves nothing behind where nothing was noted, however often it starts', async () => {
    const at = folder()
    for (let n = 0; n < 5; n++) {
      const journal = open({ folder: at })
      await journal.flush()
      await journal.close(30_000)
    }
    expect(filesIn(at)).toEqual([])
  })

  it('writes by itself, within the time that is said', async () => {
    const journal = open({ flushMs: 20 })
    const at = folders.at(-1) ?? ''
    await journal.flush()
    const empty = sizeOf(at)
    journal.note(note())
    await eventually('it is written', () => sizeOf(at) > empty)
    await journal.close(30_000)
  })

  it('whose files are cut short by others answers all the same', async () => {
    const journal = open()
    const at = folders.at(-1) ?? ''
    journal.note(note())
    await journal.flush()
    truncateSync(join(at, filesIn(at)[0] ?? ''), 3)
    expect(await recalled(journal, { hash: 7 })).toEqual([])
    await journal.close(30_000)
  })
})

it('the hash of an id spreads over 32 bits, also where ids differ in a counter alone', () => {
  const hashes = new Set(Array.from({ length: 100_000 }, (_, n) => hashOf(`order-${n}`)))
  // about 1.2 pairs fall together by chance
  expect(hashes.size).toBeGreaterThan(99_985)
  const buckets = new Set([...hashes].map((hash) => hash >>> 24))
  expect(buckets.size).toBe(256)
})
