import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../src/core/clock.ts'
import { Journal } from '../src/telemetry/journal/journal.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import type { Figure } from './support/report.ts'

const bench = 'journal'
const place = { topic: 'topic', partition: 0 }
/** So many are noted before the disk gets its turn. */
const burst = 50_000

/** What lineage costs alone: to note an event, and to look through all that is remembered while others go on. */
export async function journal(notes: number): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-journal-'))
  const bounds = { bytes: 1024 ** 3, ageMs: 3_600_000 }
  const kept = new Journal({ folder, bounds, clock, logger: createLogger('silent') })
  try {
    const noted = await note(kept, notes)
    return [...noted, ...(await look(kept, notes))]
  } finally {
    await kept.close(10_000)
    rmSync(folder, { recursive: true })
  }
}

async function note(journal: Journal, notes: number): Promise<readonly Figure[]> {
  let best = Infinity
  for (let offset = 0; offset < notes;) {
    const end = Math.min(notes, offset + burst)
    const count = end - offset
    const began = process.cpuUsage()
    for (; offset < end; offset++)
      journal.note({ kind: 1, hash: offset, extra: 0, subject: `uid-${offset % 100}`, ...place, offset, status: 200 })
    const { user, system } = process.cpuUsage(began)
    if (count === burst) best = Math.min(best, (user + system) / count)
    await journal.flush()
  }
  return [{ bench, what: 'CPU an entry', value: best, unit: 'µs' }]
}

async function look(journal: Journal, notes: number): Promise<readonly Figure[]> {
  let longest = 0
  let last = performance.now()
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  const found: number[] = []
  const began = performance.now()
  for (const offset of [3, notes - 1]) await journal.recall({ ...place, offset }, (one) => found.push(one.offset))
  const took = performance.now() - began
  clearInterval(beat)
  if (found.join() !== `3,${notes - 1}`) throw new Error(`found ${found.join()}`)
  const mib = Math.round(journal.bytes / 1024 ** 2)
  return [
    { bench, what: `two looks through ${mib} MiB`, value: took, unit: 'ms' },
    { bench, what: 'longest pause of others meanwhile', value: longest, unit: 'ms' },
  ]
}
