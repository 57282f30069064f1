import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { Fault, type FaultCode } from '../core/fault.ts'
import type { LogAdmin } from '../kafka/log.ts'
import type { StoredObject } from '../kube/client.ts'
import type { Outcome } from '../kube/reconciler.ts'
import { createLogger } from '../telemetry/logger.ts'
import { deleteRemains, type Remains } from './kafka-remains.ts'
import { KafkaClusters } from './topics/kafka-clusters.ts'

const cluster = { bootstrapServers: 'kafka:9092' }
let deleted: string[]
let told: unknown[]
let stop: AbortController

beforeEach(() => {
  deleted = []
  told = []
  stop = new AbortController()
})
afterEach(() => stop.abort())

/** What a Broker, Trigger or KafkaSource comes to whose Kafka answers with `fault`. */
async function remove(of: Remains['of'], fault: Fault | null, giveUp = false): Promise<Outcome | null> {
  const answer = async (name: string): Promise<void> => {
    if (fault !== null) throw fault
    deleted.push(name)
  }
  const admin: Partial<LogAdmin> = {
    deleteTopic: (name) => answer(`topic ${name}`),
    deleteGroup: (name) => answer(`group ${name}`),
  }
  const kafka = new KafkaClusters({
    ...{ admins: () => admin as LogAdmin, clock, logger: createLogger('silent'), signal: stop.signal },
    changed: () => undefined,
  })
  const event = (object: StoredObject, ...rest: string[]) => void told.push([object.metadata.name, ...rest])
  const metadata = { namespace: 'shop', name: 'a', uid: 'u', resourceVersion: '1' }
  const conditions = [{ type: 'Ready', status: 'True' }]
  const object: StoredObject = { apiVersion: 'v1', kind: of, metadata, status: { conditions } }
  return deleteRemains(
    { of, object, name: 'n', cluster, giveUp },
    { kafka, events: { event, offer: () => true } },
    stop.signal,
  )
}

const kinds = ['Broker', 'Trigger', 'KafkaSource'] as const
const refused = new Fault('LogUnavailable', 'connection refused.')

test.each([
  ['Broker', ['topic n', 'topic n__parked']],
  ['Trigger', ['group n']],
  ['KafkaSource', ['group n']],
] as const)('of a %s goes %j, and nothing is said', async (of, names) => {
  expect(await remove(of, null)).toBeNull()
  expect(deleted).toEqual(names)
  expect(told).toEqual([])
})

describe('what cannot be deleted', () => {
  test.each([
    [
      'Broker',
      'TopicReady',
      'its topic n could not be: connection refused. It is tried again until it can; to leave the topic behind: kubectl annotate broker a -n shop millrace.dev/force-delete=true',
    ],
    [
      'Trigger',
      'SubscriptionReady',
      'its consumer group n could not be: connection refused. It is tried again until it can; to leave the group behind: kubectl annotate trigger a -n shop millrace.dev/force-delete=true',
    ],
    [
      'KafkaSource',
      'ConsumerGroup',
      'its consumer group n could not be: connection refused. It is tried again for a minute, and then left behind; to do so at once: kubectl annotate kafkasource a -n shop millrace.dev/force-delete=true',
    ],
  ] as const)('keeps a %s, whose status says why and what to do', async (of, type, words) => {
    const message = `it is being deleted, and ${words}`
    const said = { status: 'False', reason: 'LogUnavailable', message }
    expect(await remove(of, refused)).toEqual({
      kind: 'failed',
      fault: refused,
      status: {
        conditions: [
          { type: 'Ready', ...said },
          { type, ...said },
        ].toSorted(byType),
      },
    })
    expect(told).toEqual([])
  })

  test.each<[FaultCode, ...string[]]>([
    ['NotAuthorized', 'NotAuthorized', 'NotAuthorized', 'NotAuthorized'],
    ['AuthenticationFailed', 'AuthenticationFailed', 'AuthenticationFailed', 'AuthenticationFailed'],
    ['TlsFailed', 'TlsFailed', 'TlsFailed', 'TlsFailed'],
    ['CredentialNotFound', 'CredentialNotFound', 'CredentialNotFound', 'CredentialNotFound'],
    ['GroupInUse', 'LogUnavailable', 'GroupInUse', 'GroupInUse'],
    ['LogRefused', 'LogRefused', 'Deleting', 'Deleting'],
    ['TopicNotFound', 'LogUnavailable', 'LogUnavailable', 'LogUnavailable'],
  ])('for %s has the reason %s of a Broker, %s of a Trigger, %s of a KafkaSource', async (code, ...reasons) => {
    const outcomes = await Promise.all(kinds.map((of) => remove(of, new Fault(code, 'no'))))
    expect(outcomes.map(readyOf).map((ready) => ready?.reason)).toEqual(reasons)
  })

  test.each([
    [
      'Broker',
      'TopicLeftBehind',
      'topic n and n__parked are left behind in Kafka, as millrace.dev/force-delete asks: connection refused.',
    ],
    [
      'Trigger',
      'GroupLeftBehind',
      'consumer group n is left behind in Kafka, as millrace.dev/force-delete asks: connection refused.',
    ],
    [
      'KafkaSource',
      'GroupLeftBehind',
      'consumer group n is left behind in Kafka, which forgets it by itself after a while: connection refused.',
    ],
  ] as const)('is left behind by a %s that gives up, with an Event', async (of, reason, message) => {
    expect(await remove(of, refused, true)).toBeNull()
    expect(told).toEqual([['a', 'Warning', reason, message]])
  })

  test.each(kinds)('says nothing of a %s when we are ended, or by a bug of ours', async (of) => {
    await expect(remove(of, new TypeError('a bug') as Fault, true)).rejects.toThrow('a bug')
    stop.abort()
    await expect(remove(of, refused, true)).rejects.toBe(refused)
    expect(told).toEqual([])
  })
})

function readyOf(outcome: Outcome | null) {
  if (outcome?.kind !== 'failed') throw new Error(`it is ${outcome?.kind ?? 'gone'}`)
  return outcome.status?.conditions.find(({ type }) => type === 'Ready')
}

function byType(a: { type: string }, b: { type: string }): number {
  return a.type < b.type ? -1 : 1
}
