import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { openEmbeddedLog } from '../../src/kafka/embedded/embedded.ts'
import type { Log, TopicPartition } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { logSuite } from './log.suite.ts'
import { record } from './log/subject.ts'

logSuite('the embedded log', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-log-'))
  const retention = { bytes: 256 * 1024 * 1024, ms: 3_600_000 }
  const open = () =>
    openEmbeddedLog({ dir, fsync: 'off', retention, clock: systemClock, logger: createLogger('silent') })
  let log = await open()
  return {
    get log() {
      return log
    },
    reopen: async () => {
      await log.close()
      log = await open()
    },
    expire: (at) => fillUp(log, at),
    positionRetentionMs: null,
    close: async () => {
      await log.close()
      await rm(dir, { recursive: true })
    },
  }
})

/** Writes to a topic with a bound on bytes until its first records are dropped. */
async function fillUp(log: Log, at: TopicPartition): Promise<void> {
  const appender = log.appender()
  const reader = log.reader()
  await eventually('the first records are gone', async () => {
    await appender.append(record(at.topic, { partition: at.partition, value: Buffer.alloc(20_000) }))
    return (await reader.range([at]))[0]!.start > 2n
  })
  await reader.close()
  await appender.close(5_000)
}
