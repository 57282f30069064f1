import { readFileSync } from 'node:fs'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Credential } from '../../src/contract/credential.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { sharedApiServer } from '../support/api.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, type Foreign } from '../support/foreign.ts'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { kafkaBootstrap, uniqueName, uniqueTopic } from '../support/kafka.ts'
import { KubeScene } from '../support/kube-workers.ts'
import { inletOn, outletOn } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic } from '../support/topics.ts'

/** Dispatchers that read several Kafka clusters, one of them with a credential that may do next to nothing. */

const patience = { withinMs: 90_000, everyMs: 100 }
vi.setConfig({ testTimeout: 240_000 })
const partitions = 6

let elsewhere: RunningKafka
let client: Foreign
beforeAll(async () => {
  elsewhere = await startKafka({ auth: true, heapMib: 256 })
  client = await foreignClient(elsewhere.bootstrap)
  // From now on nobody may do anything there that is not said.
  await allow('nobody', [
    ['topic', '*', 'read'],
    ['group', '*', 'read'],
    ['cluster', 'kafka-cluster', 'describe'],
  ])
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await elsewhere.close()
})

type Right = readonly ['topic' | 'group' | 'cluster', string, 'read' | 'describe']

async function allow(user: string, rights: readonly Right[]): Promise<void> {
  const types = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP, cluster: AclResourceTypes.CLUSTER }
  const operations = { read: AclOperationTypes.READ, describe: AclOperationTypes.DESCRIBE }
  const acl = rights.map(([kind, resourceName, operation]) => ({
    ...{ resourceType: types[kind], resourceName, resourcePatternType: ResourcePatternTypes.LITERAL },
    ...{ principal: `User:${user}`, host: '*', operation: operations[operation] },
    permissionType: AclPermissionTypes.ALLOW,
  }))
  await client.admin.createAcls({ acl })
}

function signedInAs(user: string, password = `${user}-secret`): Credential {
  const ca = readFileSync(elsewhere.settings['KAFKA_CA'] ?? '', 'utf8')
  return { tls: { ca }, sasl: { mechanism: 'SCRAM-SHA-512', username: user, password } }
}

/** Events as another client writes them: CloudEvents in binary mode, spread over all partitions. */
async function produce(kafka: Foreign, topic: string, from: number, count: number): Promise<void> {
  const producer = await kafka.producer()
  const messages = Array.from({ length: count }, (_, i) => ({
    partition: i % partitions,
    value: `{"n":${from + i}}`,
    headers: {
      ...{ ce_specversion: '1.0', ce_id: String(from + i), ce_source: '/test', ce_type: 'test' },
      'content-type': 'application/json',
    },
  }))
  await producer.send({ topic, messages })
}

async function open() {
  const kafka = kafkaBootstrap()
  const scene = await KubeScene.open(await sharedApiServer())
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
  const far = await createTopic(elsewhere.bootstrap, { name: uniqueTopic(), partitions })
  const servers = elsewhere.settings['KAFKA_SASL_SSL'] ?? ''
  const credential = uniqueName('credential')
  const farAway = { bootstrapServers: servers, credential }
  /** An Outlet there, with the rights that it must have. */
  const outletThere = async (url: string, more: Parameters<typeof outletOn>[2] = {}) => {
    const outlet = outletOn(far, url, { ...farAway, ...more })
    for (const user of ['alice', 'bob']) {
      await allow(user, [
        ['topic', far, 'read'],
        ['group', outlet.group, 'read'],
      ])
    }
    return outlet
  }
  return { scene, kafka, topic, far, servers, credential, outletThere }
}

test('a credential that comes late, breaks, rotates and goes: only its Outlets wait for it, and nothing is lost', async () => {
  const { scene, kafka, topic, far, servers, credential, outletThere } = await open()
  await using _scene = scene
  await using here = await startRecorder()
  await using there = await startRecorder()
  await using near = await foreignClient(kafka)
  const outlet = outletOn(topic, here.url, { bootstrapServers: kafka })
  const distant = await outletThere(there.url)
  await scene.outlet(outlet)
  await scene.outlet(distant)
  const dispatcher = await scene.dispatcher('d-0', { kafka })
  await scene.consuming(outlet.uid)
  await produce(near, topic, 0, 60)
  await eventually('events flow here', () => here.counts.size === 60, patience)
  expect((await fetch(`${dispatcher.url}/readyz`)).status).toBe(200)
  const says = (words: RegExp) =>
    eventuallyPasses(
      `the status says ${words}`,
      async () => {
        const status = await scene.statusOf(distant.uid)
        expect(status).toMatchObject({ state: 'starting', fault: { reason: 'CredentialNotFound' } })
        expect(status?.fault?.message).toMatch(words)
      },
      patience,
    )
  await says(/millrace-credentials\/.* does not exist/)
  await scene.credential(credential, '{"sasl": secret')
  await says(/it is no JSON/)
  await scene.credential(credential, signedInAs('alice'))
  await scene.consuming(distant.uid)
  await produce(client, far, 0, 60)
  await eventually('events flow there', () => there.counts.size === 60, patience)
  await eventuallyPasses(
    'the Worker says as whom it reads',
    async () => {
      const owns = (await scene.worker('d-0'))?.owns ?? []
      const all = Array.from({ length: partitions }, (_, partition) => partition)
      expect(owns).toContainEqual({ bootstrapServers: kafka, topic, partitions: all })
      expect(owns).toContainEqual({ bootstrapServers: servers, credential, topic: far, partitions: all })
    },
    patience,
  )

  await scene.credential(credential, 'broken')
  await produce(client, far, 60, 60)
  await eventually('what held before goes on', () => there.counts.size === 120, patience)
  await scene.credential(credential, signedInAs('bob'))
  await produce(client, far, 120, 60)
  await eventually('the next one is used', () => there.counts.size === 180, patience)
  await scene.credential(credential, null)
  await produce(client, far, 180, 60)
  await eventually('one that is deleted holds until a restart', () => there.counts.size === 240, patience)
  expect(await scene.statusOf(distant.uid)).not.toHaveProperty('fault')

  await using again = dispatcher
  await again[Symbol.asyncDispose]()
  await scene.dispatcher('d-0', { kafka })
  await eventuallyPasses(
    'after that it is missing, which is said',
    async () => expect((await scene.statusOf(distant.uid))?.fault?.reason).toBe('CredentialNotFound'),
    patience,
  )
  await scene.credential(credential, signedInAs('alice'))
  await produce(client, far, 240, 60)
  await eventually('nothing is lost', () => there.counts.size === 300, patience)
  expect(here.counts.size).toBe(60)
})

test('topics of another cluster are shared out by the same fleet: 1, 3, 1 dispatchers, a restart in between, and a broker there that is away', async () => {
  const { scene, kafka, topic, far, credential, outletThere } = await open()
  await using _scene = scene
  await using here = await startRecorder()
  await using there = await startRecorder()
  await using near = await foreignClient(kafka)
  await scene.credential(credential, signedInAs('alice'))
  const outlet = outletOn(topic, here.url, { bootstrapServers: kafka })
  const distant = await outletThere(there.url)
  await scene.outlet(outlet)
  await scene.outlet(distant)
  await scene.statefulSet('d', 3)
  const first = await scene.dispatcher('d-0', { kafka })
  for (const { uid } of [outlet, distant]) await scene.consuming(uid)
  const second = await scene.dispatcher('d-1', { kafka })
  const third = await scene.dispatcher('d-2', { kafka })
  const owned = async (name: string): Promise<readonly string[]> =>
    ((await scene.worker(name))?.owns ?? []).flatMap((one) => one.partitions.map((p) => `${one.topic}/${p}`))
  await eventuallyPasses(
    'each has its part, and each partition one owner',
    async () => {
      const parts = await Promise.all(['d-0', 'd-1', 'd-2'].map(owned))
      expect(parts.map((part) => part.length)).toEqual([4, 4, 4])
      expect(new Set(parts.flat()).size).toBe(2 * partitions)
    },
    patience,
  )
  const before = await Promise.all(['d-0', 'd-1', 'd-2'].map(owned))
  await produce(client, far, 0, 300)
  await produce(near, topic, 0, 300)
  await eventually('all arrive', () => here.counts.size === 300 && there.counts.size === 300, patience)

  // a restart under its name moves nothing, of neither cluster
  await third[Symbol.asyncDispose]()
  await scene.dispatcher('d-2', { kafka })
  await eventuallyPasses('it has what it had', async () => expect(await owned('d-2')).toEqual(before[2]), patience)
  expect(await Promise.all(['d-0', 'd-1'].map(owned))).toEqual(before.slice(0, 2))

  await scene.statefulSet('d', 1)
  await second.child.stop()
  await produce(client, far, 300, 300)
  await eventually('all arrive', () => there.counts.size === 600, patience)
  expect(there.duplicates).toBe(0)

  await elsewhere.stopBroker(1, 'kill')
  await produce(near, topic, 300, 100)
  await eventually('events flow on here', () => here.counts.size === 400, patience)
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200)
  await elsewhere.startBrokers()
  await produce(client, far, 600, 60)
  await eventually('and there again', () => there.counts.size === 660, patience)
  expect(here.duplicates).toBe(0)
})

test('consumers bounds how many dispatchers share a topic; an edit moves only what must move', async () => {
  const { scene, kafka, topic, far, credential, outletThere } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  await scene.credential(credential, signedInAs('alice'))
  const plain = outletOn(topic, recorder.url, { bootstrapServers: kafka })
  const bound = await outletThere(recorder.url, { consumers: 1 })
  await scene.outlet(plain)
  await scene.outlet(bound)
  const names = ['d-0', 'd-1', 'd-2'] as const
  for (const name of names) await scene.dispatcher(name, { kafka })
  const shares = (of: string) => Promise.all(names.map((name) => scene.owned(name, of)))
  const holders = async () => (await shares(far)).filter((part) => part.length > 0)
  await eventuallyPasses(
    'one owner; the others share the rest',
    async () => {
      expect((await holders()).map((part) => part.length)).toEqual([partitions])
      expect((await shares(topic)).map((part) => part.length).toSorted()).toEqual([0, 3, 3])
    },
    patience,
  )
  await scene.consuming(bound.uid)
  const others = await shares(topic)
  const [held] = await holders()
  await scene.outlet({ ...bound, consumers: 2 })
  await eventuallyPasses(
    'two owners',
    async () => {
      const parts = await holders()
      expect(parts.length).toBe(2)
      expect(parts.flat().toSorted()).toEqual(held)
    },
    patience,
  )
  expect(await shares(topic)).toEqual(others)
  await scene.outlet({ ...bound, consumers: 1 })
  await eventuallyPasses('one again', async () => expect((await holders()).length).toBe(1), patience)
  expect(await shares(topic)).toEqual(others)
  const { consumers: _, ...unbound } = bound
  await scene.outlet(unbound)
  await eventuallyPasses('as many as there are', async () => expect((await holders()).length).toBe(3), patience)
})

test('two clusters in one process: each Inlet appends to its own, each Outlet reads its own; one that is away harms nobody', async () => {
  const { scene, kafka, topic } = await open()
  await using _scene = scene
  await createTopic(elsewhere.bootstrap, { name: topic, partitions })
  await using here = await startRecorder()
  await using there = await startRecorder()
  const [near, far] = [{ bootstrapServers: kafka }, { bootstrapServers: elsewhere.bootstrap }]
  await scene.inlet({ ...inletOn(topic), ...near })
  await scene.inlet({ ...inletOn(topic), ...far, uid: 'far', path: '/test/far' })
  const outlets = [outletOn(topic, here.url, near), outletOn(topic, there.url, far)] as const
  for (const outlet of outlets) await scene.outlet(outlet)
  const [ingress, dispatcher] = [await scene.ingress(), await scene.dispatcher('d-0')]
  for (const { uid } of outlets) await scene.consuming(uid)
  await sendEvents({ url: `${ingress.url}/test/default`, count: 50 })
  await sendEvents({ url: `${ingress.url}/test/far`, count: 70 })
  await eventually('each got its own', () => here.counts.size === 50 && there.counts.size === 70, patience)
  const owns = async () => (await scene.worker('d-0'))?.owns ?? []
  await eventuallyPasses(
    'it owns all of both',
    async () => {
      expect((await owns()).map((one) => one.bootstrapServers).sort()).toEqual([kafka, elsewhere.bootstrap].sort())
      expect((await owns()).map((one) => one.partitions.length)).toEqual([partitions, partitions])
    },
    patience,
  )
  await elsewhere.stopBroker(1, 'kill')
  expect(await sendEvents({ url: `${ingress.url}/test/default`, count: 50, from: 50 })).toBe(0)
  await eventually('events flow on here', () => here.counts.size === 100, patience)
  await eventuallyPasses(
    'the status tells of the fault there',
    async () =>
      expect(await scene.statusOf(outlets[1].uid)).toMatchObject({
        state: 'consuming',
        fault: { reason: 'LogUnavailable' },
      }),
    patience,
  )
  expect((await fetch(`${dispatcher.url}/readyz`)).status).toBe(200)
  // its last Outlet goes: that is seen although the log cannot be asked
  const deleted = await scene.delete(kinds.outlet, outlets[1].uid)
  await eventually('it was seen', async () => Number((await scene.worker('d-0'))?.seen) >= deleted, patience)
})
