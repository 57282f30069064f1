import { expect, it } from 'vitest'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import { uniqueTopic } from '../../support/kafka.ts'
import { Listener } from './listener.ts'
import { appendAll, expiring, makeTopic, numbers, record, type LogUnderTest } from './subject.ts'

export function tailing(subject: () => LogUnderTest): void {
  it('reads what is there, then follows the head, each record once and in order', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(log, topic, numbers(100))
    const { listener, tail, close } = follow(subject())
    tail.add({ topic, partition: 0 }, 10n)
    await eventually('the past is read', () => listener.records().length >= 90)
    const appender = log.appender()
    for (const value of numbers(50, 100)) await appender.append(record(topic, { value: Buffer.from(value) }))
    await eventually('the new records are read', () => listener.records().length >= 140)
    expect(listener.values()).toEqual(numbers(140, 10))
    expect(listener.records().map(({ offset }) => offset)).toEqual(numbers(140, 10).map(BigInt))
    for (const [n, batch] of listener.batches.entries()) {
      expect(batch.from).toBe(n === 0 ? 10n : listener.batches[n - 1]!.next)
      expect(batch.end).toBeGreaterThanOrEqual(batch.next)
    }
    await appender.close(5_000)
    await close()
  })

  it('follows many partitions of many topics, each in its own order', async () => {
    const { log } = subject()
    const topics = await Promise.all([makeTopic(log, 5), makeTopic(log, 5), makeTopic(log, 5)])
    const { listener, tail, close } = follow(subject())
    const all = topics.flatMap((topic) => [0, 1, 2, 3, 4].map((partition) => ({ topic, partition })))
    for (const at of all) tail.add(at, 0n)
    const appender = log.appender()
    const calls = numbers(1_500).map((value, n) =>
      appender.append(record('', { ...all[n % 15]!, value: Buffer.from(value) })),
    )
    await Promise.all(calls)
    await eventually('all records are read', () => listener.records().length >= 1_500)
    for (const [n, at] of all.entries())
      expect(listener.values(at)).toEqual(numbers(100).map((i) => String(Number(i) * 15 + n)))
    await appender.close(5_000)
    await close()
  })

  it('gives nothing more of a partition whose handler said no, until it is resumed; others go on', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const [paused, other] = [0, 1].map((partition) => ({ topic, partition })) as [Place, Place]
    const { listener, tail, close } = follow(subject())
    listener.goOn = ({ partition }) => partition !== 0
    tail.add(paused, 0n)
    tail.add(other, 0n)
    await append(subject(), paused, ['a'])
    await eventually('the first record came', () => listener.values(paused).length === 1)
    await append(subject(), paused, ['b', 'c'])
    await append(subject(), other, ['x', 'y'])
    await eventually('the other partition goes on', () => listener.values(other).length === 2)
    await append(subject(), other, ['z'])
    await eventually('and on', () => listener.values(other).length === 3)
    expect(listener.values(paused)).toEqual(['a'])
    listener.goOn = () => true
    tail.resume(paused)
    await eventually('the rest came', () => listener.values(paused).length === 3)
    expect(listener.values(paused)).toEqual(['a', 'b', 'c'])
    await close()
  })

  it('may be resumed by the handler itself', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const at = { topic, partition: 0 }
    const { listener, tail, close } = follow(subject())
    listener.goOn = () => {
      tail.resume(at)
      return true
    }
    tail.add(at, 0n)
    for (const value of ['a', 'b', 'c']) {
      await append(subject(), at, [value])
      await eventually(`${value} came`, () => listener.values().includes(value))
    }
    expect(listener.values()).toEqual(['a', 'b', 'c'])
    await close()
  })

  it('reads again from an older offset when a partition is added again', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(20))
    const { listener, tail, close } = follow(subject())
    tail.add(at, 15n)
    await eventually('the end is read', () => listener.records().length >= 5)
    tail.remove(at)
    tail.add(at, 5n)
    await eventually('the older records are read', () => listener.records().length >= 20)
    expect(listener.values()).toEqual([...numbers(5, 15), ...numbers(15, 5)])
    await close()
  })

  it('tells nothing of a partition after it was removed, even from within the handler', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const [removed, other] = [0, 1].map((partition) => ({ topic, partition })) as [Place, Place]
    const { listener, tail, close } = follow(subject())
    listener.goOn = ({ partition }) => {
      if (partition === 0) tail.remove(removed)
      return true
    }
    tail.add(removed, 0n)
    tail.add(other, 0n)
    await append(subject(), removed, ['a'])
    await eventually('one record came', () => listener.values(removed).length === 1)
    await append(subject(), removed, ['b'])
    await append(subject(), other, ['x'])
    await eventually('the other partition goes on', () => listener.values(other).length === 1)
    expect(listener.values(removed)).toEqual(['a'])
    await close()
  })

  it('counts records that expired before they were read, and goes on at the log start', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 1, expiring)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(10))
    await subject().expire(at)
    const reader = log.reader()
    const [range] = await reader.range([at])
    await reader.close()
    const { listener, tail, close } = follow(subject())
    tail.add(at, 1n)
    await eventually('a record came', () => listener.records().length > 0)
    expect(listener.moves[0]).toEqual({
      ...at,
      moved: { kind: 'expired', next: range!.start, lost: range!.start - 1n },
    })
    expect(listener.records()[0]?.offset).toBe(range!.start)
    await close()
  })

  it('goes back to the end from an offset above it', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(5))
    const { listener, tail, close } = follow(subject())
    tail.add(at, 50n)
    await eventually('it moved', () => listener.moves.length > 0)
    expect(listener.moves).toEqual([{ ...at, moved: { kind: 'truncated', next: 5n } }])
    await append(subject(), at, ['next'])
    await eventually('it goes on there', () => listener.values().length === 1)
    expect(listener.values()).toEqual(['next'])
    await close()
  })

  it('starts again when its topic was deleted and made again', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(10))
    const { listener, tail, close } = follow(subject())
    tail.add(at, 0n)
    await eventually('the first topic is read', () => listener.records().length === 10)
    await log.admin().deleteTopic(topic)
    await eventually('its loss is told', () => listener.states.some(({ fault }) => fault !== null))
    await log.admin().ensureTopic({ name: topic, partitions: 1, replicationFactor: 1, config: {} })
    await eventually('the new topic takes records', () =>
      append(subject(), at, ['new']).then(
        () => true,
        () => false,
      ),
    )
    await eventually('the new topic is read', () => listener.values().includes('new'))
    expect(listener.moves.map(({ moved }) => moved)).toContainEqual({ kind: 'recreated', next: 0n })
    expect(listener.states.at(-1)?.fault).toBeNull()
    expect(listener.values()).toEqual([...numbers(10), 'new'])
    await close()
  })

  it('a topic made again while its tail is paused is told to the first read beside the tail', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(3))
    const reader = log.reader()
    const listener = new Listener()
    listener.goOn = () => false
    const tail = reader.tail(listener)
    tail.add(at, 0n)
    await eventually('the first topic is read, and the tail waits', () => listener.records().length > 0)
    await log.admin().deleteTopic(topic)
    await log.admin().ensureTopic({ name: topic, partitions: 1, replicationFactor: 1, config: {} })
    await eventually('the new topic is longer than the old one', () =>
      append(subject(), at, numbers(5)).then(
        () => true,
        () => false,
      ),
    )
    const read = await eventually('the read is answered', () => reader.read(at, 3n, 1_000))
    expect(read).toEqual({ kind: 'recreated', next: 0n })
    await tail.close()
    await reader.close()
  })

  it('tells that a topic is missing, and reads it when it comes', async () => {
    const { log } = subject()
    const name = uniqueTopic()
    const at = { topic: name, partition: 0 }
    const { listener, tail, close } = follow(subject())
    tail.add(at, 0n)
    await eventually('the fault is told', () => listener.states.length > 0)
    expect(listener.states[0]?.fault).toMatchObject({ code: 'TopicNotFound' })
    await log.admin().ensureTopic({ name, partitions: 1, replicationFactor: 1, config: {} })
    await append(subject(), at, ['first'])
    await eventually('it is read', () => listener.values().length === 1)
    await eventuallyPasses('all is well again', () => expect(listener.states.at(-1)?.fault).toBeNull())
    await close()
  })
}

interface Place {
  readonly topic: string
  readonly partition: number
}

function follow({ log }: LogUnderTest) {
  const listener = new Listener()
  const reader = log.reader()
  const tail = reader.tail(listener)
  const close = async (): Promise<void> => {
    await tail.close()
    await reader.close()
  }
  return { listener, tail, close }
}

async function append({ log }: LogUnderTest, { topic, partition }: Place, values: readonly string[]): Promise<void> {
  const appender = log.appender()
  for (const value of values) await appender.append(record(topic, { partition, value: Buffer.from(value) }))
  await appender.close(5_000)
}
