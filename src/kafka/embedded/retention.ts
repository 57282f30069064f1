import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Store } from './store.ts'
import { bytesOf, retentionBytes, retentionMs, type Partition, type Retention, type Segment } from './topics.ts'
import type { Writer } from './writer.ts'

/** Small enough to be dropped within a turn (tried: 29 MB take 13 ms), large enough for few tables. */
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024
const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_DROPS = 16
/** A quarter of what may be kept is in segments that still grow, at most, and so are the last records of an aging partition. */
const GROWING_SHARE = 4
const MAX_LOOK_MS = 30_000
const MIN_LOOK_MS = 50

/**
 * Keeps the folder bounded: whole segments go, a few a transaction. What goes first: deleted topics, then what is too old, then what a
 * topic has too much, then, above the bound of all, the oldest segment of the partition with the most bytes, so that a loud topic
 * does not drive out a quiet one. The growing segment of a partition goes by age only.
 */
export class EmbeddedRetention {
  readonly #store: Store
  readonly #writer: Writer
  readonly #retention: Retention
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #dropping = false
  #closed = false

  constructor(store: Store, writer: Writer, retention: Retention, clock: Clock, logger: Logger) {
    this.#store = store
    this.#writer = writer
    this.#retention = retention
    this.#clock = clock
    this.#logger = logger
    const every = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, retention.ms / 8))
    this.#timer = setInterval(() => this.look(), every).unref()
  }

  /** True when the last segment of a partition takes no more. */
  full(partition: Partition, last: Segment, now: number): boolean {
    const bytes = Math.min(
      MAX_SEGMENT_BYTES,
      this.#retention.bytes / (GROWING_SHARE * this.#store.partitionCount),
      retentionBytes(partition.topic) / GROWING_SHARE,
    )
    if (last.bytes >= Math.max(MIN_SEGMENT_BYTES, bytes)) return true
    return now - last.opened > retentionMs(partition.topic, this.#retention) / GROWING_SHARE && last.bytes > 0
  }

  /** Drops what must go, one segment after the other, until nothing must. */
  look(): void {
    if (this.#dropping || this.#closed || this.#next() === undefined) return
    this.#dropping = true
    void this.#dropNext()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
  }

  async #dropNext(): Promise<void> {
    try {
      await this.#writer.run(() => this.#dropSome(), { first: true })
      this.#dropping = false
      this.look()
    } catch (error) {
      this.#dropping = false
      if (!this.#closed) this.#logger.warn({ error: String(error) }, 'old records could not be dropped; trying again')
    }
  }

  /** What one transaction may drop: so it keeps up with appends of 1 MiB a turn, and stays short. */
  #dropSome(): void {
    let dropped = 0
    for (let count = 0; count < MAX_DROPS && dropped < MAX_SEGMENT_BYTES; count += 1) {
      const next = this.#next()
      if (next === undefined) return
      dropped += next()
    }
  }

  /** How to drop the next segment (it tells its bytes), or undefined when all is within bounds. */
  #next(): (() => number) | undefined {
    if (this.#store.orphans.length > 0) return () => this.#store.dropOrphan()
    const now = this.#clock.now()
    let total = 0
    let most: Partition | undefined
    let mostBytes = 0
    for (const topic of this.#store.topics.values()) {
      for (const partition of topic.partitions) {
        const bytes = bytesOf(partition)
        const [first, second] = partition.segments
        if (first !== undefined && first.bytes > 0 && first.newest < now - retentionMs(topic, this.#retention)) {
          return () => this.#dropOld(partition, now)
        }
        if (second !== undefined && bytes - (first?.bytes ?? 0) >= retentionBytes(topic)) {
          return () => this.#store.dropFirst(partition)
        }
        total += bytes
        if (second !== undefined && bytes > mostBytes) [most, mostBytes] = [partition, bytes]
      }
    }
    const partition = most
    return total > this.#retention.bytes && partition !== undefined ? () => this.#store.dropFirst(partition) : undefined
  }

  #dropOld(partition: Partition, now: number): number {
    if (partition.segments.length === 1) this.#store.roll(partition, now)
    return this.#store.dropFirst(partition)
  }
}
