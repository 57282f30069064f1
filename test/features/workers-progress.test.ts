import { expect, test, vi } from 'vitest'
import { progressOf } from '../../src/contract/progress.ts'
import { sharedApiServer } from '../support/api.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { KubeScene } from '../support/kube-workers.ts'
import { kubectl } from '../support/kubectl.ts'
import { outletOn } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { createTopic } from '../support/topics.ts'

const patience = { withinMs: 90_000, everyMs: 200 }
vi.setConfig({ testTimeout: 600_000 })
const partitions = 4

test('lag of all partitions, whoever owns them, is seen with kubectl while a subscriber is down, and is 0 in the end', async () => {
  const kafka = kafkaBootstrap()
  const api = await sharedApiServer()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
  await using scene = await KubeScene.open(api)
  const state = { down: true }
  await using recorder = await startRecorder(() => ({ status: state.down ? 503 : 200 }))
  await using client = await foreignClient(kafka)
  const delivery = { retry: 1_000, backoffPolicy: 'linear', backoffDelayMs: 500, timeoutMs: 5_000 } as const
  const more = { bootstrapServers: kafka, delivery, order: 'ordered' } as const
  const outlet = outletOn(topic, recorder.url, more)
  await scene.outlet(outlet)
  await using refuser = await startRecorder(() => ({ status: 400 }))
  const refused = { ...outletOn(topic, refuser.url, more), onExhausted: 'drop' } as const
  await scene.outlet(refused)
  const dispatchers = [await scene.dispatcher('d-0', { kafka }), await scene.dispatcher('d-1', { kafka })]
  await scene.consuming(outlet.uid)
  await scene.consuming(refused.uid)
  await eventually('both own partitions', async () => (await scene.owned('d-1', topic)).length === 2, patience)

  const producer = await client.producer()
  const headers = { ce_specversion: '1.0', ce_source: '/test', ce_type: 'test' }
  const messages = Array.from({ length: 400 }, (_, n) => ({
    partition: n % partitions,
    value: '{}',
    headers: { ...headers, ce_id: String(n) },
  }))
  await producer.send({ topic, messages })
  const columns = 'custom-columns=LAG:.status.progress.lag,LAST:.status.shares.*.lastDelivery'
  const shown = async () =>
    (await kubectl(['get', 'outlets', outlet.uid, '-n', scene.namespace, '--no-headers', '-o', columns], api)).trim()
  const progress = async (uid: string) => progressOf([await scene.statusOf(uid)])
  const lagOf = async (uid: string) => (await scene.statusOf(uid))?.progress?.lag
  await eventually('the lag is told', async () => (await lagOf(outlet.uid)) === 400, patience)
  expect(await shown()).toMatch(/^400 /)
  await eventuallyPasses(
    'why, and what became of those that nobody took, whichever dispatcher had them',
    async () => {
      expect((await progress(outlet.uid)).lastError?.message).toContain('503')
      expect((await progress(refused.uid)).undelivered).toMatchObject({
        dropped: 400,
        last: { fate: 'dropped', id: expect.stringMatching(/^\d+$/), reason: expect.stringContaining('400') },
      })
    },
    patience,
  )
  const { shares = {} } = (await scene.statusOf(refused.uid)) ?? {}
  expect(Object.values(shares).map(({ undelivered }) => undelivered?.dropped)).toEqual([200, 200])
  state.down = false
  await eventually('all are delivered', () => recorder.counts.size === 400, patience)
  await eventually('nothing is behind', async () => (await lagOf(outlet.uid)) === 0, patience)
  await eventually('its rate is told', async () => ((await progress(outlet.uid)).rate ?? 0) > 0, patience)
  await eventually(
    'each dispatcher tells of its last delivery',
    async () =>
      Object.values((await scene.statusOf(outlet.uid))?.shares ?? {}).every(({ lastDelivery }) => lastDelivery),
    patience,
  )
  expect(await shown()).toMatch(/^0 +\d{4}-/)
  // a rate alone is written once a minute, and may not have come to 0 the first time
  await eventually('and that it is 0, in the end', async () => (await progress(outlet.uid)).rate === 0, {
    ...patience,
    withinMs: 300_000,
  })

  const writes = () => dispatchers.reduce((sum, { writes: of }) => sum + of(), 0)
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  const before = writes()
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  expect(writes()).toBe(before)
  expect(await shown()).toMatch(/^0 /)
})
