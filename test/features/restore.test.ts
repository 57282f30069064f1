import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient } from '../support/foreign.ts'
import { startKafka } from '../support/kafka-process.ts'
import { startRecorder } from '../support/recorder.ts'
import { createTopic } from '../support/topics.ts'
import { Cluster, commands, objects, Operator, patience } from './restore-rig.ts'

const [broker, trigger] = ['knative-broker-shop-default', 'knative-trigger-shop-orders']
const partitions = 3
const names = (count: number, name: (n: number) => string = String): string[] =>
  Array.from({ length: count }, (_, n) => name(n))
const records = (count: number): string[] => names(count, (n) => `partition:0/offset:${n}`)

/** A subscriber that remembers what it took. */
async function startSubscriber() {
  const subscriber = { taken: [] as string[], down: false }
  const { url, [Symbol.asyncDispose]: stop } = await startRecorder((_, id) => {
    if (subscriber.down) return { status: 503 }
    subscriber.taken.push(id)
    return { status: 200 }
  })
  return Object.assign(subscriber, { url, [Symbol.asyncDispose]: stop })
}

/** Exactly these, each once. */
const got = (subscriber: { readonly taken: readonly string[] }, ids: readonly string[]) =>
  eventuallyPasses('all came', () => expect(subscriber.taken.toSorted()).toEqual(ids.toSorted()), patience)

test('who follows docs/operations.md brings back what was lost: an API server with all objects, then positions', async () => {
  await using kafka = await startKafka({ heapMib: 256 })
  await using foreign = await foreignClient(kafka.bootstrap)
  await createTopic(kafka.bootstrap, { name: 'legacy', partitions: 1 })
  const producer = await foreign.producer()
  const write = (count: number) =>
    producer.send({ topic: 'legacy', messages: names(count).map((value) => ({ value })) })
  const done = async (groupId: string, topic: string): Promise<number> => {
    const [found] = await foreign.admin.fetchOffsets({ groupId, topics: [topic] })
    return found?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0) ?? 0
  }
  await using orders = await startSubscriber()
  await using legacy = await startSubscriber()
  const operator = new Operator(kafka.bootstrap)

  await using old = await Cluster.installed(operator)
  await old.configure({ kafka: kafka.bootstrap, partitions })
  await old.k(['create', 'namespace', 'shop'])
  const applied = objects(orders.url, legacy.url, kafka.bootstrap)
  await eventually('all is applied', () => old.k(['apply', '-f', '-'], applied), patience)
  await old.ready()
  await Promise.all([old.send(0, 40), write(10)])
  await Promise.all([got(orders, names(40)), got(legacy, records(10))])
  // these wait when all is lost
  orders.down = true
  await old.send(40, 20)
  const group = await old.k(['get', 'kafkasource', 'legacy', '-n', 'shop', '-o', 'jsonpath={.spec.consumerGroup}'])
  await eventuallyPasses('what is finished is committed', async () => {
    expect([await done(trigger, broker), await done(group, 'legacy')]).toEqual([40, 10])
  })
  await operator.types('backup')
  const [settings, all] = [await old.settings(), await old.names()]
  await old.lost()
  orders.down = false
  await write(5)

  await using cluster = await Cluster.installed(operator)
  await operator.types('configure')
  await cluster.k(['create', 'namespace', 'shop'])
  await operator.types('create')
  await got(orders, names(60))
  await cluster.send(60, 20)
  await Promise.all([got(orders, names(80)), got(legacy, records(15))])
  expect(await cluster.names()).toEqual(all)
  // the next upgrade leaves alone what was brought back
  await cluster.upgraded()
  expect(await cluster.settings()).toEqual(settings)

  const stopped = async (): Promise<void> => {
    await operator.types('stop')
    await cluster.kubelet.none('dispatcher')
  }
  await eventuallyPasses('all is committed', async () => expect(await done(trigger, broker)).toBe(80))
  await operator.types('positions')
  await stopped()
  await foreign.admin.deleteGroups([trigger, group])
  const lost = new Date().toISOString().slice(0, -1)
  await Promise.all([cluster.send(80, 10), write(5)])
  await operator.types('set')
  await operator.types('start')
  await Promise.all([got(orders, names(90)), got(legacy, records(20))])

  await eventuallyPasses('all is committed', async () => expect(await done(trigger, broker)).toBe(90))
  await stopped()
  await foreign.admin.deleteGroups([trigger])
  await operator.types('time', (block) => block.replace(/\d{4}-\d\d-\d\dT[\d:.]+/, lost))
  await operator.types('start')
  await got(orders, [...names(90), ...names(10, (n) => String(n + 80))])

  expect([...commands.keys()].filter((mark) => !operator.typed.has(mark))).toEqual([])
}, 900_000)
