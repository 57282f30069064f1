import { expect } from 'vitest'
import { Fault, type FaultCode } from '../../../src/core/fault.ts'
import type { Log, NewRecord, TopicPartition } from '../../../src/kafka/log.ts'
import { uniqueTopic } from '../../support/kafka.ts'

/** A log that the suite runs on, and what a test must do to it from outside. */
export interface LogUnderTest {
  /** The open log; another object after `reopen`. */
  readonly log: Log
  /** Closes the log and opens it again, with the same data. */
  reopen(): Promise<void>
  /** Makes the oldest records of a partition go (its topic has {@link expiring}); resolves when some are gone. */
  expire(at: TopicPartition): Promise<void>
  /** A consumer of someone else, alive in `group`. Only where there can be one. */
  readonly foreignConsumer?: (group: string, topic: string) => Promise<{ close(): Promise<void> }>
  /** How long this log keeps a position without a commit, milliseconds; null: for ever. */
  readonly positionRetentionMs: number | null
  /** The same log as another process opens it. Only where several can. */
  readonly openAgain?: () => Promise<Log>
  close(): Promise<void>
}

/** Configuration of a topic whose records {@link LogUnderTest.expire} can make go. */
export const expiring = { 'retention.bytes': '262144' }

/** Makes a topic of its own for a test. */
export async function makeTopic(log: Log, partitions = 1, config: Record<string, string> = {}): Promise<string> {
  const name = uniqueTopic()
  await log.admin().ensureTopic({ name, partitions, replicationFactor: 1, config })
  return name
}

/** A record with defaults for what a test does not speak about. */
export function record(topic: string, more: Partial<Omit<NewRecord, 'topic'>> = {}): NewRecord {
  return { topic, key: null, value: Buffer.from('value'), headers: [], ...more }
}

/** Appends values to partition 0, one after the other. */
export async function appendAll(log: Log, topic: string, values: readonly (string | Buffer)[]): Promise<void> {
  const appender = log.appender()
  await Promise.all(values.map((value) => appender.append(record(topic, { partition: 0, value: Buffer.from(value) }))))
  await appender.close(10_000)
}

/** The code of the fault that `work` fails with. Fails the test when it succeeds or fails otherwise. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    (value) => new Error(`succeeded with ${String(value)}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw error
  return error
}

export async function expectFault(work: Promise<unknown>, code: FaultCode): Promise<void> {
  expect((await faultOf(work)).code).toBe(code)
}

/** Numbered values: '0', '1', … */
export function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => String(from + i))
}
