import type { Batch, LeaderEpoch, LogReader, OffsetMoved, Tail, TailHandler, TopicPartition } from '../log.ts'
import { closedFault, nameOf, readFault, topicMissing } from './faults.ts'
import type { Store } from './store.ts'
import { EmbeddedTail } from './tail.ts'
import { at, startOf, type Partition } from './topics.ts'
import type { Turns } from './turns.ts'

/** What readers of one log share. */
export interface ReadSource {
  readonly store: Store
  readonly turns: Turns
  /** Open tails; the log wakes them after each commit. */
  readonly tails: Set<EmbeddedTail>
  readonly closed: boolean
}

/** Reads by itself or follows; it remembers topic ids to tell, once, when a topic was made again. */
export class EmbeddedReader implements LogReader {
  readonly #source: ReadSource
  readonly #seen = new Map<string, string>()
  readonly #tails = new Set<EmbeddedTail>()
  #closed = false

  constructor(source: ReadSource) {
    this.#source = source
  }

  tail(handler: TailHandler): Tail {
    if (this.#closed || this.#source.closed) throw closedFault()
    const closed = (): void => {
      this.#source.tails.delete(tail)
      this.#tails.delete(tail)
    }
    // who then reads another one, while the tail waits, is told that it was made again
    const seen = (where: TopicPartition, id: string): void => {
      if (!this.#seen.has(nameOf(where))) this.#seen.set(nameOf(where), id)
    }
    const tail: EmbeddedTail = new EmbeddedTail(this.#source.store, handler, closed, seen)
    this.#source.tails.add(tail)
    this.#tails.add(tail)
    return tail
  }

  read(where: TopicPartition, from: bigint, maxBytes: number): Promise<Batch | OffsetMoved> {
    return this.#run(() => {
      const partition = this.#find(where)
      const before = this.#seen.get(nameOf(where)) ?? partition.topic.id
      this.#seen.set(nameOf(where), partition.topic.id)
      if (before !== partition.topic.id) return { kind: 'recreated', next: BigInt(startOf(partition)) }
      return this.#source.store.read(partition, Number(from), maxBytes)
    })
  }

  range(all: readonly TopicPartition[]): Promise<readonly (TopicPartition & { start: bigint; end: bigint })[]> {
    return this.#run(() =>
      all.map((where) => {
        const partition = this.#find(where)
        return { ...at(partition), start: BigInt(startOf(partition)), end: BigInt(partition.next) }
      }),
    )
  }

  offsetsAt(
    all: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<readonly (TopicPartition & { offset: bigint })[]> {
    return this.#run(() =>
      all.map((where) => {
        const partition = this.#find(where)
        return { ...at(partition), offset: BigInt(this.#source.store.offsetAt(partition, timestampMs)) }
      }),
    )
  }

  /** Nothing is ever cut. */
  epochEnds(all: readonly LeaderEpoch[]): Promise<readonly (LeaderEpoch & { end: bigint })[]> {
    return this.#run(() => all.map((one) => ({ ...one, end: BigInt(Number.MAX_SAFE_INTEGER) })))
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const tail of this.#tails) await tail.close()
  }

  #find(where: TopicPartition): Partition {
    const partition = this.#source.store.partition(where)
    if (partition === undefined) throw topicMissing(where)
    return partition
  }

  #run<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedFault())
    return this.#source.turns.run(() => {
      if (this.#source.closed) throw closedFault()
      try {
        return work()
      } catch (error) {
        throw readFault(error)
      }
    })
  }
}
