import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { administrating } from './log/administrating.ts'
import { appending, readAll } from './log/appending.ts'
import { positioning } from './log/positioning.ts'
import { reading } from './log/reading.ts'
import { sharing } from './log/sharing.ts'
import { appendAll, makeTopic, numbers, type LogUnderTest } from './log/subject.ts'
import { tailing } from './log/tailing.ts'

export type { LogUnderTest } from './log/subject.ts'

/** The jars of a Kafka are downloaded when it is needed for the first time. */
const OPEN_MS = 300_000

/**
 * The promises of the ports of src/kafka/log.ts, on one adapter. What is not promised here, no room relies on.
 * Tests keep apart by the names of their topics and groups, so one log serves them all.
 */
export function logSuite(name: string, open: () => Promise<LogUnderTest>): void {
  describe(name, () => {
    let current: LogUnderTest
    const subject = (): LogUnderTest => current
    beforeAll(async () => {
      current = await open()
    }, OPEN_MS)
    afterAll(() => current.close())

    describe('append', () => appending(subject))
    describe('read', () => reading(subject))
    describe('tail', () => tailing(subject))
    describe('positions', () => positioning(subject))
    describe('membership', () => sharing(subject))
    describe('administration', () => administrating(subject))

    it('has all topics and records again after it was closed and opened, and goes on behind them', async () => {
      const topic = await makeTopic(subject().log, 1, { 'max.message.bytes': '70000' })
      await appendAll(subject().log, topic, numbers(500))
      const before = await subject().log.admin().describeTopics([topic])
      await subject().reopen()
      expect(await subject().log.admin().describeTopics([topic])).toEqual(before)
      await appendAll(subject().log, topic, numbers(10, 500))
      const stored = await readAll(subject(), { topic, partition: 0 })
      expect(stored.map(({ value }) => String(value))).toEqual(numbers(510))
      expect(stored.map(({ offset }) => offset)).toEqual(numbers(510).map(BigInt))
    })
  })
}
