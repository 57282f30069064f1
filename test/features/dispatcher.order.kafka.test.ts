import { expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { decodeProgress } from '../../src/data-plane/dispatcher/reading/progress.ts'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueName, uniqueTopic } from '../support/kafka.ts'
import { inletOn, outletOn, RoutesFile, startDispatcher, startIngress } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic } from '../support/topics.ts'
import { Rig } from './dispatcher-rig.ts'

const patience = { withinMs: 60_000 }
const retry = { retry: 1000, backoffPolicy: 'linear', backoffDelayMs: 20, timeoutMs: 30_000 } as const

function open(bootstrapServers: string): Log {
  return openKafkaLog({ bootstrapServers, clientId: 'test', clock, logger: createLogger('silent') })
}

/** Watches that no event is tried before all of its key that came before it are taken, partition by partition. */
class KeyWatch {
  readonly breaches: string[] = []
  again = 0
  readonly taken = new Set<string>()
  readonly #seen = new Map<string, number[]>()

  tried(key: string, partition: number, offset: number): void {
    const of = `${key} ${partition}`
    const seen = this.#seen.get(of) ?? []
    this.#seen.set(of, seen)
    if (this.taken.has(`${partition}/${offset}`)) this.again++
    for (const before of seen) {
      if (before > offset && !seen.includes(offset)) this.breaches.push(`${of}: ${before} came before ${offset}`)
      if (before < offset && !this.taken.has(`${partition}/${before}`))
        this.breaches.push(`${of}: ${offset} did not wait for ${before}`)
    }
    if (!seen.includes(offset)) seen.push(offset)
  }
}

test(
  'real Kafka: dispatchers join and leave under load while some deliveries fail: the order of each key is kept, nothing taken comes again',
  { timeout: 180_000 },
  async () => {
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 6 })
    const watch = new KeyWatch()
    const attempts = new Map<string, number>()
    const count = 6_000
    const keyOf = (n: number): string => `key-${n % 40}`
    await using recorder = await startRecorder(({ headers }, id) => {
      const [partition, offset] = [headers['ce-knativekafkapartition'], headers['ce-knativekafkaoffset']]
      watch.tried(keyOf(Number(id)), Number(partition), Number(offset))
      const attempt = (attempts.get(id) ?? 0) + 1
      attempts.set(id, attempt)
      // one in nine fails twice
      if (Number(id) % 9 === 0 && attempt < 3) return { status: 503 }
      watch.taken.add(`${Number(partition)}/${Number(offset)}`)
      return { status: 200 }
    })
    const routes = new RoutesFile({
      inlets: [inletOn(topic)],
      outlets: [outletOn(topic, recorder.url, { order: 'key', delivery: retry })],
    })
    const { child, url } = await startIngress(routes, kafka)
    await using _ingress = child
    const fleet = uniqueGroup()
    await using _first = startDispatcher(routes, kafka, 'first', fleet)
    await using _second = startDispatcher(routes, kafka, 'second', fleet)
    const sending = sendEvents({ url, count, attributes: (n) => ({ partitionkey: keyOf(n) }) })
    await eventually('a quarter is taken', () => watch.taken.size > count / 4, patience)
    {
      await using _third = startDispatcher(routes, kafka, 'third', fleet)
      await eventually('half is taken', () => watch.taken.size > count / 2, patience)
    }
    await sending
    await eventually('every event is taken', () => watch.taken.size === count, patience)
    expect(watch.breaches).toEqual([])
    expect(watch.again).toBe(0)
  },
)

test('real Kafka: a dispatcher that is killed while the first of a hundred events waits for its retry repeats that one alone', async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  let well = false
  await using recorder = await startRecorder((_, id) => ({ status: id === '0' && !well ? 503 : 200 }))
  const outlet = outletOn(topic, recorder.url, { delivery: { ...retry, backoffDelayMs: 100 } })
  const routes = new RoutesFile({ outlets: [outlet] })
  await using rig = new Rig(open(kafka), uniqueName('killed'), 1, async () => {})
  for (let id = 0; id < 100; id++) {
    const attributes = { specversion: '1.0', id: String(id), source: '/test', type: 'made' }
    await rig.appender.append(toRecord({ attributes: new Map(Object.entries(attributes)), data: null }, topic))
  }
  const fleet = uniqueGroup()
  const first = startDispatcher(routes, kafka, 'only', fleet)
  await eventually('all came', () => recorder.counts.size === 100, patience)
  await eventually(
    'that the others are finished is committed',
    async () => {
      const { progress } = decodeProgress(0, await rig.metadata({ ...outlet, topic }))
      return progress.upTo === 100 && progress.pending.length === 1
    },
    patience,
  )
  first.signal('SIGKILL')
  await first.exited
  const before = recorder.deliveries.length
  well = true
  await using _again = startDispatcher(routes, kafka, 'only', fleet)
  await eventually('the end is committed', async () => (await rig.committed({ ...outlet, topic })) === 100, patience)
  const after = recorder.deliveries.slice(before).map(({ id }) => id)
  expect(after.length).toBeGreaterThan(0)
  expect(new Set(after)).toEqual(new Set(['0']))
})
