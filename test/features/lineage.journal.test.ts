import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { Journal } from '../../src/telemetry/journal/journal.ts'
import type { Remembered } from '../../src/telemetry/journal/note.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startChild, type Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { ownFolder } from '../support/millrace.ts'

/** What the writer said: noted, how many, when, lost, how many. */
const toldBy = ({ lines }: Child): number[][] => lines.map((line) => line.split(' ').map(Number))
const writer = join(import.meta.dirname, '..', 'support', 'journal-writer.ts')

test('a process that is killed while it notes loses the last second at most, and nothing in between', async () => {
  const folder = ownFolder()
  let expected = 0
  for (const ms of [1_500, 2_100]) {
    const child = startChild(writer, [folder])
    // by its own clock: a machine that is slow gives it no time to note
    await eventually('it has noted for so long', () => {
      const times = toldBy(child).map(([, , at = 0]) => at)
      return (times.at(-1) ?? 0) - (times[0] ?? 0) >= ms
    })
    child.signal('SIGKILL')
    const killedAt = Date.now()
    await child.exited
    const journal = new Journal({
      ...{ folder, bounds: { bytes: 64 * 1024 * 1024, ageMs: 3_600_000 } },
      ...{ clock, logger: createLogger('silent') },
    })
    const found: Remembered[] = []
    const { from } = await journal.recall({ hash: 7 }, (note) => found.push(note))
    const mine = found.slice(expected)
    // all from the first one on, without a gap, as they were
    expect(mine.map(({ offset }) => offset)).toEqual([...Array(mine.length).keys()])
    expect(mine[100]).toMatchObject({ subject: 'uid-0', topic: 'topic', text: 'reason 100\n'.repeat(20) })
    // what was noted a second before the end is there; where the machine let the process wait, so much later it was written
    const told = toldBy(child).map(([, noted = 0, at = 0]) => ({ noted, at }))
    const pauses = told.map(({ at }, n) => at - (told[n - 1]?.at ?? at))
    const before = (told.at(-1)?.at ?? 0) - 1_100 - 2 * Math.max(...pauses)
    const due = told.filter(({ at }) => at < before).at(-1)?.noted ?? 0
    expect(mine.length).toBeGreaterThanOrEqual(due)
    expect(mine.length).toBeGreaterThan(0)
    // and the end is known to have been a sudden one
    expect(from).toBeGreaterThan(killedAt - 1)
    expected = found.length
    await journal.close(1_000)
  }
})

test('a disk that takes no more in the middle of a block loses that and what follows, not what stands before; the process goes on', async () => {
  const folder = ownFolder()
  // The system writes what fits, and refuses the rest: files of 100 KiB at most.
  const script = join(folder, 'limited.mjs')
  writeFileSync(
    script,
    `process.execve('/bin/bash', ['bash', '-c', 'ulimit -f 100; exec "$@"', 'bash', ...process.argv.slice(2)])`,
  )
  const data = join(folder, 'data')
  const child = startChild(script, [process.execPath, writer, data])
  const lost = await eventually('something is lost', () => toldBy(child).find(([, , , , lost]) => (lost ?? 0) > 5_000))
  const count = child.lines.length
  await eventually('it goes on', () => child.lines.length > count + 20)
  child.signal('SIGKILL')
  await child.exited
  const journal = new Journal({
    ...{ folder: data, bounds: { bytes: 64 * 1024 * 1024, ageMs: 3_600_000 } },
    ...{ clock, logger: createLogger('silent') },
  })
  const found: number[] = []
  const { from } = await journal.recall({ hash: 7 }, (note) => found.push(note.offset))
  const gap = found.findIndex((offset, n) => offset !== n)
  const before = gap < 0 ? found : found.slice(0, gap)
  expect(before.length).toBeGreaterThan(1_000)
  expect(before.length).toBeLessThan(5_000)
  expect(from).toBeGreaterThanOrEqual((lost?.[2] ?? 0) - 1_000)
  await journal.close(1_000)
})

test('while somebody looks through all of a large memory, others get their turns', async () => {
  const folder = ownFolder()
  const journal = new Journal({
    ...{ folder, bounds: { bytes: 64 * 1024 * 1024, ageMs: 3_600_000 } },
    ...{ clock, logger: createLogger('silent') },
  })
  const place = { topic: 'topic', partition: 0 }
  const count = 300_000
  for (let n = 0; n < count; n++) {
    journal.note({ kind: 1, hash: n, extra: 0, subject: `uid-${n % 10}`, ...place, offset: n, status: 200 })
    if (n % 50_000 === 0) await journal.flush()
  }
  await journal.flush()
  expect(journal.lost).toBe(0)
  let turns = 0
  let looks = true
  const others = (): void => {
    turns++
    if (looks) setImmediate(others)
  }
  setImmediate(others)
  const found: number[] = []
  for (const offset of [3, count - 1]) await journal.recall({ ...place, offset }, (note) => found.push(note.offset))
  looks = false
  expect(found).toEqual([3, count - 1])
  // half a megabyte, a millisecond or two of work, is the most between two of them
  expect(turns).toBeGreaterThan((2 * journal.bytes) / (512 * 1024))
  await journal.close(1_000)
})
