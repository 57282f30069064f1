import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Appended, Appender, AppenderOptions, NewRecord } from '../log.ts'
import { partitionForKey, type StickyPartitions } from '../partition.ts'
import { closedFault, topicMissing } from './faults.ts'
import { recordBytes } from './record.ts'
import type { Store } from './store.ts'
import { maxMessageBytes, type Partition, type Segment } from './topics.ts'
import type { Work, Writer } from './writer.ts'

/** What appenders of one log share. */
export interface AppendTarget {
  readonly store: Store
  readonly writer: Writer
  readonly clock: Clock
  readonly sticky: StickyPartitions
  /** True when a partition's last segment takes no more. */
  full(partition: Partition, last: Segment, now: number): boolean
  /** A record was committed here. */
  appended(partition: Partition): void
}

/**
 *     append ─► checks: closed, bound, topic, size ─► partition ─► writer (one transaction a turn) ─► offset
 *
 * Order per partition is the order of the calls, for the writer's queue is one.
 */
export class EmbeddedAppender implements Appender {
  readonly #target: AppendTarget
  readonly #deadlineMs: number
  readonly #maxPendingBytes: number
  readonly #pending = new Map<Work, (fault: Fault) => void>()
  #pendingBytes = 0
  #closed = false
  #emptied: (() => void) | undefined

  constructor(target: AppendTarget, options: AppenderOptions = {}) {
    this.#target = target
    this.#deadlineMs = options.deadlineMs ?? 30_000
    this.#maxPendingBytes = options.maxPendingBytes ?? 64 * 1024 * 1024
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  append(record: NewRecord): Promise<Appended> {
    if (this.#closed) return Promise.reject(closedFault())
    const bytes = recordBytes(record)
    if (this.#pendingBytes + bytes > this.#maxPendingBytes) {
      const text = `${this.#pendingBytes} bytes wait to be stored, more than ${this.#maxPendingBytes} may not`
      return Promise.reject(new Fault('LogOverloaded', text))
    }
    const partition = this.#partitionFor(record, bytes)
    if (partition instanceof Fault) return Promise.reject(partition)
    return new Promise((resolve, reject) => this.#enqueue(record, partition, bytes, resolve, reject))
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closed = true
    if (this.#pending.size === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
      timer = setTimeout(resolve, deadlineMs)
    })
    clearTimeout(timer)
    for (const [work, fail] of this.#pending) {
      work.cancelled = true
      fail(closedFault())
    }
  }

  #partitionFor(record: NewRecord, bytes: number): Partition | Fault {
    const { store, sticky } = this.#target
    const topic = store.topics.get(record.topic)
    if (topic === undefined) return topicMissing({ topic: record.topic })
    const limit = maxMessageBytes(topic)
    if (bytes > limit) {
      const text = `the record has ${bytes} bytes, topic ${record.topic} takes at most ${limit}`
      return new Fault('RecordTooLarge', text, { details: { limit, bytes } })
    }
    const count = topic.partitions.length
    const index =
      record.partition ?? (record.key === null ? sticky.of(record.topic, count) : partitionForKey(record.key, count))
    const partition = topic.partitions[index]
    return partition ?? topicMissing({ topic: record.topic, partition: index })
  }

  #enqueue(
    record: NewRecord,
    partition: Partition,
    bytes: number,
    resolve: (appended: Appended) => void,
    reject: (fault: Fault) => void,
  ): void {
    const { store, writer, clock } = this.#target
    let offset = -1
    const work: Work = {
      bytes,
      deadline: clock.monotonic() + this.#deadlineMs,
      cancelled: false,
      apply: () => {
        // The topic may have been deleted, and made again, since the call.
        if (store.topics.get(record.topic) !== partition.topic) throw topicMissing({ topic: record.topic })
        const now = clock.now()
        offset = store.append(partition, record, now, (last) => this.#target.full(partition, last, now))
      },
      done: () => {
        this.#settled(work, bytes)
        this.#target.appended(partition)
        resolve({ topic: record.topic, partition: partition.index, offset: BigInt(offset) })
      },
      failed: (fault) => {
        this.#settled(work, bytes)
        reject(fault)
      },
    }
    this.#pending.set(work, (fault) => work.failed(fault))
    this.#pendingBytes += bytes
    writer.add(work)
  }

  #settled(work: Work, bytes: number): void {
    this.#pending.delete(work)
    this.#pendingBytes -= bytes
    if (this.#pending.size === 0) this.#emptied?.()
  }
}
