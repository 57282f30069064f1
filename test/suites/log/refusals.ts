import { expect } from 'vitest'
import { Fault } from '../../../src/core/fault.ts'
import type { Log } from '../../../src/kafka/log.ts'
import type { KafkaSecurity } from '../../../src/kafka/security.ts'
import { eventually } from '../../support/eventually.ts'
import type { AuthKafka, Listener as Door } from '../../support/kafka-auth.ts'
import { uniqueGroup, uniqueTopic } from '../../support/kafka.ts'
import { Listener } from './listener.ts'
import { faultOf, makeTopic, record } from './subject.ts'

/** Everything that a log is for, each by itself; both clients have a part in it. */
export const uses: Readonly<Record<string, (log: Log, topic: string) => Promise<unknown>>> = {
  append: async (log, topic) => {
    const appender = log.appender()
    try {
      await appender.append(record(topic))
    } finally {
      await appender.close(1_000)
    }
  },
  read: async (log, topic) => {
    const reader = log.reader()
    try {
      await reader.range([{ topic, partition: 0 }])
    } finally {
      await reader.close()
    }
  },
  follow: async (log, topic) => {
    const [reader, listener] = [log.reader(), new Listener()]
    reader.tail(listener).add({ topic, partition: 0 }, 0n)
    // a machine that is busy may be away for a moment: that passes
    const refused = () =>
      listener.states.find(({ fault }) => fault !== null && codeOf(fault) !== 'LogUnavailable')?.fault
    const reads = () => listener.states.at(-1)?.fault === null || listener.batches.length > 0
    await eventually('it reads, or is told why not', () => refused() !== undefined || reads())
    const fault = refused()
    await reader.close()
    if (fault) throw fault
  },
  commit: async (log, topic) => {
    const positions = log.positions()
    const position = { topic, partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' }
    try {
      await positions.commit(uniqueGroup(), [position])
    } finally {
      await positions.close()
    }
  },
  list: async (log) => {
    const admin = log.admin()
    try {
      await admin.listTopics()
    } finally {
      await admin.close()
    }
  },
  make: async (log) => {
    const admin = log.admin()
    const spec = { name: uniqueTopic(), partitions: 1, replicationFactor: 1, config: {} }
    try {
      await admin.ensureTopic(spec)
    } finally {
      await admin.close()
    }
  },
}

/** Joins a group, and gets its partition. */
export async function share(log: Log, topic: string): Promise<void> {
  const owned: number[] = []
  const member = log.membership(
    { group: uniqueGroup(), instance: 'only' },
    {
      assigned: (some) => owned.push(...some.map(({ partition }) => partition)),
      revoked: () => Promise.resolve(),
      lost: () => {},
    },
  )
  member.share([{ topic, partition: 0 }])
  await eventually('it is a member', () => owned.length === 1)
  await member.close({ forGood: true, deadlineMs: 2_000 })
}

const codeOf = (error: Error): string => (error instanceof Fault ? error.code : error.name)

/** What each use fails with; fails the test when one succeeds. */
async function refusals(kafka: AuthKafka, door: Door, security: KafkaSecurity): Promise<Fault[]> {
  const topic = await makeTopic(kafka.operator)
  const log = kafka.log(door, security)
  return Promise.all(Object.values(uses).map((use) => eventually('it is told why', () => refusal(use(log, topic)))))
}

/** Null: Kafka was away for a moment, as on a machine that is busy. */
async function refusal(work: Promise<unknown>): Promise<Fault | null> {
  const fault = await faultOf(work)
  return fault.code === 'LogUnavailable' ? null : fault
}

/** Who does this or that with such a credential is told so, and not what the credential is. */
export async function expectRefused(
  kafka: AuthKafka,
  door: Door,
  security: KafkaSecurity,
  code: string,
  message: RegExp,
): Promise<void> {
  for (const fault of await refusals(kafka, door, security)) {
    expect([fault.code, fault.message]).toEqual([code, expect.stringMatching(message)])
    expect(everythingIn(fault)).not.toMatch(/-secret|PRIVATE KEY|geheim/)
  }
}

/** What a log line or a debugger may show of an error. */
function everythingIn(error: unknown, depth = 0): string {
  if (typeof error !== 'object' || error === null || depth > 6) return String(error)
  return Reflect.ownKeys(error)
    .map((key) => everythingIn((error as Record<PropertyKey, unknown>)[key], depth + 1))
    .join(' ')
}
