import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { BrokerLinks } from './broker-links.ts'
import { kafkaErrorName } from '../faults.ts'
import { FetchSession } from './fetch-session.ts'
import { fetch } from './fetch-wire.ts'
import type { FetchResponse, FetchedPartition } from './fetch-wire.ts'
import type { Followed, Loop } from './followed.ts'

/** Sizes and times of fetches. */
export interface FetchLimits {
  /** How long the broker holds a request when there is nothing to read. */
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
}

/** Who gets what a loop read. Called synchronously, in the order of the response. */
export interface LoopOwner {
  /** News of one partition: records or an error. */
  fetched(partition: Followed, news: FetchedPartition): void
  /** The broker cannot be read: these have no loop any more. */
  lost(partitions: readonly Followed[], error: unknown): void
}

/** While partitions come and go we ask the broker to answer soon, so that the next one need not wait for a long poll to end. */
const SHORT_WAIT_MS = 25
const RESTLESS_MS = 2_000
const SESSION_ERRORS = new Set([
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
])

/**
 * Reads all followed partitions of one leader over one connection and one fetch session.
 *
 *     wait for a partition ─► poll ─► each partition's news to the owner ─► poll …
 *                              └─ no answer: all partitions to the owner, who seeks their leaders
 */
export class LeaderLoop implements Loop {
  readonly nodeId: number
  readonly #links: BrokerLinks
  readonly #clock: Clock
  readonly #limits: FetchLimits
  readonly #owner: LoopOwner
  readonly #signal: AbortSignal
  readonly #session = new FetchSession<Followed>()
  #restlessUntil = 0
  #wake: () => void = () => {}

  /** Runs until `signal` aborts; who aborts it also closes `links`, which ends a poll under way. */
  constructor(
    nodeId: number,
    options: { links: BrokerLinks; clock: Clock; limits: FetchLimits; owner: LoopOwner; signal: AbortSignal },
  ) {
    this.nodeId = nodeId
    this.#links = options.links
    this.#clock = options.clock
    this.#limits = options.limits
    this.#owner = options.owner
    this.#signal = options.signal
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true })
    void this.#run()
  }

  take(partition: Followed): void {
    partition.loop = this
    this.#session.put(partition)
    this.#restless()
    this.#wake()
  }

  advance(partition: Followed): void {
    this.#session.put(partition)
  }

  release(partition: Followed): void {
    this.#session.remove(partition)
    this.#restless()
  }

  #restless(): void {
    this.#restlessUntil = this.#clock.monotonic() + RESTLESS_MS
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      if (this.#session.size === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
      else await this.#poll()
    }
  }

  async #poll(): Promise<void> {
    try {
      const connection = await this.#links.to(this.nodeId)
      const maxWaitMs = this.#clock.monotonic() < this.#restlessUntil ? SHORT_WAIT_MS : this.#limits.maxWaitMs
      const response = await fetch(connection, { ...this.#limits, maxWaitMs, ...this.#session.next() })
      if (this.#signal.aborted) return
      this.#deliver(response)
      if (response.throttleTimeMs > 0) await sleep(response.throttleTimeMs, undefined, { signal: this.#signal })
    } catch (error) {
      if (this.#signal.aborted) return
      this.#links.discard(this.nodeId)
      const partitions = this.#session.targets
      this.#session.clear()
      this.#owner.lost(partitions, error)
    }
  }

  #deliver(response: FetchResponse): void {
    if (response.errorCode !== 0) {
      const name = kafkaErrorName(response.errorCode)
      if (!SESSION_ERRORS.has(name) || this.#session.isNew) {
        throw new Fault('LogUnavailable', `fetching from broker ${this.nodeId}: Kafka answered ${name}`)
      }
      this.#session.reset()
      return
    }
    this.#session.accepted(response.sessionId)
    for (const news of response.partitions) {
      const partition = this.#session.sent(news.topicId, news.partition)
      if (partition?.loop === this && !partition.removed && !partition.paused) this.#owner.fetched(partition, news)
    }
  }
}
