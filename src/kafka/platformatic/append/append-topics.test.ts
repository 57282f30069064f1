import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import { createLogger } from '../../../telemetry/logger.ts'
import type { Appended } from '../../log.ts'
import { Cluster } from '../cluster.ts'
import type { TopicMetadata } from '../topic-metadata.ts'
import type { Identity } from './append-batch.ts'
import { Ledger } from './append-ledger.ts'
import { AppendTopics } from './append-topics.ts'
import type { AppendTopic, TopicQueue } from './append-topics.ts'

/** A cluster that answers from a table: topic `t`, led by broker 1. */
class TableCluster extends Cluster {
  partitions = 2

  override cached(name: string): TopicMetadata {
    const partitions = Array.from({ length: this.partitions }, () => ({ nodeId: 1, epoch: 0 }))
    return { name, id: 'id', partitions, mayWrite: true }
  }

  override topic(name: string): Promise<TopicMetadata> {
    return Promise.resolve(this.cached(name))
  }

  override request<T>(): Promise<T> {
    return Promise.reject(new Fault('LogUnavailable', 'no limits'))
  }
}

function setup() {
  const options = { bootstrapServers: 'nowhere:1', clientId: 't', clock: systemClock, logger: createLogger('silent') }
  const cluster = new TableCluster(options)
  const ledger = new Ledger()
  const ready = new Map<number, TopicQueue>()
  let identity: Identity = { id: 1n, epoch: 0 }
  const topics = new AppendTopics({
    cluster,
    ledger,
    clock: systemClock,
    signal: new AbortController().signal,
    enqueue: (queue) => {
      queue.state = 'listed'
      ready.set(queue.index, queue)
    },
    wornOut: (worn) => {
      if (worn === identity) identity = { id: identity.id + 1n, epoch: 0 }
    },
    isStuck: () => false,
  })
  const append = (partition?: number, size = 10): Promise<Appended> =>
    new Promise((resolve, reject) => {
      const record = {
        topic: 't',
        ...(partition === undefined ? {} : { partition }),
        key: null,
        value: null,
        headers: [],
      }
      const pending = { record, size, timestamp: 0, due: 0, resolve, reject, answered: false }
      ledger.accept(pending)
      topics.accept(pending)
    })
  /** Takes the batch of a partition as a lane does, and gives what the leader would know it by. */
  const send = (partition: number): { queue: TopicQueue; mark: string } => {
    const queue = ready.get(partition) as TopicQueue
    queue.next(1_000)
    queue.state = 'sent'
    return { queue, mark: `${queue.identify(identity).id}/${queue.sequence}` }
  }
  const once = async (partition: number): Promise<string> => {
    const answer = append(partition)
    await new Promise((resolve) => setImmediate(resolve))
    const { queue, mark } = send(partition)
    queue.stored(0n)
    queue.state = 'idle'
    await answer
    return mark
  }
  return { topics, cluster, append, send, once, topic: () => topics.get('t') as AppendTopic }
}

it('sends a burst of large records without key to as many partitions as it has full batches, then again to one', async () => {
  const { cluster, once, append, topic } = setup()
  cluster.partitions = 4
  await once(0)
  for (let i = 0; i < 6; i++) void append(undefined, 600_000)
  const waiting = () =>
    topic()
      .queues.map(({ waitingBytes }) => waitingBytes)
      .toSorted()
  expect(waiting()).toEqual([0, 1_200_000, 1_200_000, 1_200_000])
  for (let i = 0; i < 2; i++) void append(undefined, 600_000)
  for (let i = 0; i < 5; i++) void append(undefined, 1_000)
  expect(waiting()).toEqual([1_200_000, 1_200_000, 1_200_000, 1_205_000])
  for (const queue of topic().queues) while (queue.next(1_000_000) !== null) queue.stored(0n)
  expect(waiting()).toEqual([0, 0, 0, 0])
})

const gone = new Fault('NotAuthorized', 'for a moment')

describe('a partition that comes back after its queue was dropped is written under another producer id', () => {
  it('when the topic was out of use', async () => {
    const { topics, once } = setup()
    expect([await once(0), await once(0)]).toEqual(['1/0', '1/1'])
    await topics.refresh(Infinity)
    expect([await once(0), await once(0)]).toEqual(['2/0', '2/1'])
  })

  it('when the topic was forgotten, also while a batch of it was in flight', async () => {
    const { topics, topic, append, send, once } = setup()
    expect(await once(0)).toBe('1/0')
    const refused = expect(append(0)).rejects.toBe(gone)
    const { queue, mark } = send(0)
    expect(mark).toBe('1/1')
    topics.forget(topic(), gone)
    await refused
    expect([queue.hasWork, await once(0)]).toEqual([false, '2/0'])
  })

  it('when the topic lost the partition, and got it again; the others keep theirs', async () => {
    const { topics, cluster, once } = setup()
    expect([await once(0), await once(1)]).toEqual(['1/0', '1/0'])
    cluster.partitions = 1
    await topics.refresh(-1)
    cluster.partitions = 2
    await topics.refresh(-1)
    expect([await once(0), await once(1)]).toEqual(['1/1', '2/0'])
  })
})
