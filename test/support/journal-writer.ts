import { systemClock as clock } from '../../src/core/clock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { Journal } from '../../src/telemetry/journal/journal.ts'

/** A process that notes numbers, a thousand at a time, and says after each thousand how many; until it is killed. */
const bounds = { bytes: 64 * 1024 * 1024, ageMs: 3_600_000 }
const journal = new Journal({ folder: process.argv[2] ?? '', bounds, clock, logger: createLogger('silent') })
let noted = 0
setInterval(() => {
  for (let n = 0; n < 1_000; n++, noted++) {
    const text = noted % 100 === 0 ? `reason ${noted}\n`.repeat(20) : undefined
    const place = { topic: 'topic', partition: 0, offset: noted }
    journal.note({ kind: 1, hash: 7, extra: 0, subject: `uid-${noted % 5}`, ...place, status: 200, text })
  }
  console.log(`noted ${noted} ${Date.now()} lost ${journal.lost}`)
}, 5)
