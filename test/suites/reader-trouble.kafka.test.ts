import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { CuttableCluster } from '../support/kafka-proxy.ts'
import { common, foreigner, Listener, MeteredCluster, newTopic, openReader } from '../support/kafka-reader.ts'
import { kafkaBootstrap } from '../support/kafka.ts'

describe('trouble', () => {
  it('of one partition does not touch the others, and ends when it is mended', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const producer = await foreign.producer()
    const listener = new Listener()
    const tail = openReader().tail(listener)
    tail.add({ topic, partition: 1 }, 0n)
    tail.add({ topic, partition: 0 }, 0n)
    await eventually('told of the missing one', () => listener.codes(1).includes('TopicNotFound'))
    await producer.send({ topic, messages: [{ value: 'here' }] })
    await eventually('the other reads', () => listener.values(0).includes('here'))
    await foreign.admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
    await eventually('told that it reads', () => listener.codes(1).at(-1) === null)
    await foreign.admin.fetchTopicMetadata({ topics: [topic] })
    await eventuallyPasses('it can be written', async () => {
      await (await foreign.producer()).send({ topic, messages: [{ value: 'there', partition: 1 }] })
    })
    await eventually('it reads', () => listener.values(1).includes('there'))
    expect(listener.codes(0)).toEqual([])
  })

  it('with the connection is mended unseen: nothing is lost, nothing comes twice', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 2)
    const producer = await foreign.producer()
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const listener = new Listener()
    const tail = openReader(cluster).tail(listener)
    for (const partition of [0, 1]) tail.add({ topic, partition }, 0n)
    let answers = 0
    cluster.fate = () => (answers++ % 5 === 4 ? 'lose' : 'pass')
    const sent = Array.from({ length: 60 }, (_, i) => `v${i}`)
    for (const value of sent) {
      await producer.send({ topic, messages: [0, 1].map((partition) => ({ value, partition })) })
    }
    // its own retries may have stored a value twice
    const unique = (partition: number) => [...new Set(listener.values(partition))]
    await eventually('all came', () => [0, 1].every((partition) => unique(partition).length === sent.length))
    expect(answers).toBeGreaterThan(5)
    for (const partition of [0, 1]) {
      expect(unique(partition)).toEqual(sent)
      const offsets = listener.offsets(partition)
      expect(offsets).toEqual(offsets.map((_, n) => BigInt(n)))
    }
  })

  it('a broker that hangs is noticed, told of, and read again when it wakes', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const producer = await foreign.producer()
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const listener = new Listener()
    const reader = openReader(cluster, { requestTimeoutMs: 900 })
    reader.tail(listener).add({ topic, partition: 0 }, 0n)
    await producer.send({ topic, messages: [{ value: 'one' }] })
    await eventually('it reads', () => listener.values().length === 1)
    cluster.fate = () => 'hold'
    await producer.send({ topic, messages: [{ value: 'two' }] })
    await eventually('told', () => listener.codes().includes('LogUnavailable'))
    cluster.fate = () => 'pass'
    await eventually('it reads again', () => listener.values().length === 2)
    await eventually('told that it reads', () => listener.codes().at(-1) === null)
    expect(listener.values()).toEqual(['one', 'two'])
  })

  it('in the handler brings the same batch again', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    await (await foreign.producer()).send({ topic, messages: [{ value: 'once more' }] })
    const listener = new Listener()
    listener.ready = () => {
      if (listener.batches.length === 1) throw new Error('a mistake of the caller')
      return true
    }
    openReader().tail(listener).add({ topic, partition: 0 }, 0n)
    await eventually('it came twice', () => listener.batches.length === 2)
    expect(listener.batches[1]?.from).toBe(0n)
  })
})

describe('cost and pace', () => {
  it('idle partitions cost next to nothing', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 500)
    const listener = new Listener()
    const cluster = new MeteredCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const tail = openReader(cluster).tail(listener)
    for (let partition = 0; partition < 500; partition++) tail.add({ topic, partition }, 0n)
    const producer = await foreign.producer()
    await producer.send({
      topic,
      messages: [0, 250, 499].map((partition) => ({ value: `to ${partition}`, partition })),
    })
    await eventually('it reads', () => [0, 250, 499].every((partition) => listener.values(partition).length > 0))
    await eventuallyPasses('the restless time after the last add is over', async () => {
      const before = cluster.bytes()
      await sleep(1_000)
      // About two polls of some 60 bytes and as many answers. Asking for all 500 each time would be 25 KB a poll.
      expect(cluster.bytes() - before).toBeLessThan(2_500)
      expect(cluster.bytes()).toBeGreaterThan(before)
    })
  })

  it('a paused partition costs the others no time, and its resumption does not wait for a long poll', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 2)
    const producer = await foreign.producer()
    await producer.send({ topic, messages: [{ value: 'first', partition: 0 }] })
    const listener = new Listener()
    const tail = openReader(undefined, { maxWaitMs: 30_000 }).tail(listener)
    listener.ready = (batch) => batch.partition === 1
    for (const partition of [0, 1]) tail.add({ topic, partition }, 0n)
    await eventually('it is paused', () => listener.values(0).length === 1)
    await producer.send({
      topic,
      messages: [
        { value: 'second', partition: 0 },
        { value: 'quick', partition: 1 },
      ],
    })
    await eventually('the other goes on', () => listener.values(1).length === 1)
    expect(listener.values(0)).toEqual(['first'])
    const start = performance.now()
    tail.resume({ topic, partition: 0 })
    await eventually('it goes on', () => listener.values(0).length === 2)
    expect(performance.now() - start).toBeLessThan(20_000)
  })

  it('closes at once, in the middle of a long poll', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const reader = openReader(undefined, { maxWaitMs: 30_000 })
    const tail = reader.tail(new Listener())
    tail.add({ topic, partition: 0 }, 0n)
    await reader.range([{ topic, partition: 0 }])
    const start = performance.now()
    await reader.close()
    expect(performance.now() - start).toBeLessThan(20_000)
    expect(() => tail.add({ topic, partition: 0 }, 0n)).toThrow(expect.objectContaining({ code: 'Closed' }))
    await expect(reader.read({ topic, partition: 0 }, 0n, 1)).rejects.toMatchObject({ code: 'Closed' })
  })
})
