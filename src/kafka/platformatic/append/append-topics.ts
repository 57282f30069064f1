import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../../core/fault.ts'
import type { Clock } from '../../../core/clock.ts'
import { partitionForKey, StickyPartitions } from '../../partition.ts'
import { BATCH_OVERHEAD, batchSize, maxRecordSize } from './append-batch.ts'
import type { Identity } from './append-batch.ts'
import { neverSent, rejectDue, unsentInTime } from './append-ledger.ts'
import type { Ledger, Pending } from './append-ledger.ts'
import { PartitionQueue } from './append-queue.ts'
import type { Cluster } from '../cluster.ts'
import { toFault } from '../faults.ts'
import type { Calls } from '../versions.ts'

/** Batches of several records are cut here even when the topic takes more. */
const MAX_BATCH_BYTES = 1024 * 1024
/** So long we ask again for a topic that does not exist, and so long we then do not ask. */
const MISSING_MS = 1_000
/** So long a record waits for a cluster that does not tell of its topic; it was not sent, so this may well be before its deadline. */
const AWAY_MS = 5_000
const LIMIT_AGE_MS = 300_000
const LIMIT_AGE_AFTER_REFUSAL_MS = 1_000
/** ConfigResource.Type.TOPIC */
const TOPIC_RESOURCE = 2

export type TopicQueue = PartitionQueue<AppendTopic>

/** What the appender knows about one topic. */
export class AppendTopic {
  readonly name: string
  readonly encodedName: Buffer
  /** By partition; empty until the cluster told. */
  queues: readonly TopicQueue[] = []
  /** `max.message.bytes`; infinite until known. */
  maxMessageBytes = Infinity
  /** Records that wait for the cluster to tell of their partition, in order. */
  waiting: Pending[] = []
  loading = false
  /** Monotonic time until which we take the cluster's word that the topic does not exist. */
  missingUntil = 0
  /** Monotonic time at which the limit was learned. */
  limitAt = -Infinity
  learning: Promise<void> | null = null
  /** The latest deadline of its records, monotonic: tells when it was used last. */
  lastDue = 0

  constructor(name: string) {
    this.name = name
    this.encodedName = Buffer.from(name)
  }

  /** A batch of several records stays below. */
  get batchBytes(): number {
    return Math.min(this.maxMessageBytes, MAX_BATCH_BYTES)
  }
}

/** What the topics need of the appender. */
export interface TopicsHost {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly ledger: Ledger
  readonly signal: AbortSignal
  /** The queue has work and stands idle. */
  enqueue(queue: TopicQueue): void
  /** No partition may begin under this producer id any more. */
  wornOut(identity: Identity): void
  /** The queue hangs: keyless records go elsewhere. */
  isStuck(queue: TopicQueue): boolean
}

/** Topics by name: which partition a record goes to, and what the topic takes. */
export class AppendTopics {
  readonly #host: TopicsHost
  readonly #topics = new Map<string, AppendTopic>()
  readonly #sticky = new StickyPartitions()
  readonly #wornOut: (identity: Identity) => void

  constructor(host: TopicsHost) {
    this.#host = host
    this.#wornOut = (identity) => host.wornOut(identity)
  }

  get(name: string): AppendTopic | undefined {
    return this.#topics.get(name)
  }

  /** Answers callers whose deadline has passed. */
  expire(now: number): void {
    for (const topic of this.#topics.values()) {
      topic.waiting.splice(0, rejectDue(topic.waiting, now, this.#host.ledger, unsentInTime))
      for (const queue of topic.queues) if (queue.hasWork) queue.expire(now)
    }
  }

  /** The topic is gone, with all that waits for it. The next record asks the cluster anew. */
  forget(topic: AppendTopic, fault: Fault): void {
    if (this.#topics.get(topic.name) === topic && !topic.loading) this.#topics.delete(topic.name)
    for (const queue of topic.queues) drop(queue, fault)
    topic.queues = []
  }

  /** No broker answers: refuses what was never sent, of those that are due at `due` or before. */
  refuseUnsent(due: number, fault: Fault): void {
    for (const topic of this.#topics.values()) {
      topic.waiting.splice(
        0,
        rejectDue(topic.waiting, due, this.#host.ledger, () => fault),
      )
      for (const queue of topic.queues) if (queue.hasWork) queue.refuseUnsent(due, fault)
    }
  }

  /** Everything that waits is refused. */
  refuseAll(fault: Fault): void {
    for (const topic of this.#topics.values()) {
      this.#refuseWaiting(topic, fault)
      for (const queue of topic.queues) queue.refuseAll(fault)
    }
  }

  /** Into the queue of its partition or, while the cluster has not told of it, into the topic's waiting room. */
  accept(pending: Pending): void {
    const name = pending.record.topic
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = new AppendTopic(name)
      this.#topics.set(name, topic)
    }
    topic.lastDue = pending.due
    if (topic.missingUntil > 0 && this.#host.clock.monotonic() < topic.missingUntil) {
      return this.#host.ledger.reject(pending, notFound(topic, 'does not exist'))
    }
    // The waiting room keeps the order: who comes later does not overtake.
    if (topic.waiting.length > 0 || !this.#place(topic, pending)) {
      topic.waiting.push(pending)
      if (!topic.loading) void this.#load(topic)
    }
  }

  /** A batch without keys was sent: the next one goes to another partition. */
  nextSticky(topic: AppendTopic): void {
    this.#sticky.next(topic.name)
  }

  /** Partitions may have been added, limits changed; topics out of use are forgotten. Call it now and then. */
  async refresh(unusedSince: number): Promise<void> {
    for (const topic of this.#topics.values()) {
      if (
        topic.lastDue < unusedSince &&
        topic.waiting.length === 0 &&
        topic.queues.every((one) => one.state === 'idle')
      ) {
        this.#topics.delete(topic.name)
        for (const queue of topic.queues) drop(queue)
      } else {
        await this.#host.cluster.topic(topic.name).then(
          () => this.#adopt(topic),
          () => {},
        )
        void this.learnLimit(topic)
      }
    }
  }

  /** Asks for `max.message.bytes`; when we may not know it, the brokers' refusals have to do. @param refused a batch was too large. */
  learnLimit(topic: AppendTopic, refused = false): Promise<void> {
    const age = this.#host.clock.monotonic() - topic.limitAt
    if (age < (refused ? LIMIT_AGE_AFTER_REFUSAL_MS : LIMIT_AGE_MS)) return Promise.resolve()
    return (topic.learning ??= this.#askLimit(topic))
  }

  /** @returns false when the partition is not known (yet). */
  #place(topic: AppendTopic, pending: Pending): boolean {
    const queue = topic.queues[this.#partition(topic, pending)]
    if (queue === undefined) return false
    const limit = topic.maxMessageBytes
    // The bound first: it is cheap, and nearly always enough.
    const fits = BATCH_OVERHEAD + maxRecordSize(pending.size) <= limit || batchSize([pending]) <= limit
    if (!fits) this.#host.ledger.reject(pending, tooLarge(topic, batchSize([pending]), limit))
    else {
      queue.push(pending)
      if (queue.state === 'idle') this.#host.enqueue(queue)
    }
    return true
  }

  #partition(topic: AppendTopic, { record }: Pending): number {
    const count = topic.queues.length
    if (record.partition !== undefined) return record.partition
    if (count === 0) return -1
    if (record.key !== null) return partitionForKey(record.key, count)
    return this.#keyless(topic, this.#sticky.of(topic.name, count))
  }

  /** The first from `sticky` on that does not hang and has room in its next batch: a burst of large records goes to many leaders at once. */
  #keyless(topic: AppendTopic, sticky: number): number {
    const { queues, batchBytes } = topic
    let full = -1
    for (let i = 0; i < queues.length; i++) {
      const index = (sticky + i) % queues.length
      const queue = queues[index]!
      if (this.#host.isStuck(queue)) continue
      if (queue.waitingBytes < batchBytes) return index
      if (full < 0) full = index
    }
    return full < 0 ? sticky : full
  }

  async #askLimit(topic: AppendTopic): Promise<void> {
    const resources = [
      { resourceType: TOPIC_RESOURCE, resourceName: topic.name, configurationKeys: ['max.message.bytes'] },
    ] as Parameters<Calls['describeConfigs']['async']>[1]
    const answer = await this.#host.cluster
      .request(`asking for the limits of topic ${topic.name}`, (connection) =>
        connection.calls.describeConfigs.async(connection, resources, false, false),
      )
      .catch(() => null)
    topic.learning = null
    const limit = Number(answer?.results[0]?.configs.find((config) => config.name === 'max.message.bytes')?.value)
    if (!(limit > 0)) return
    topic.maxMessageBytes = limit
    topic.limitAt = this.#host.clock.monotonic()
  }

  /** Until the cluster has answered and the waiting room is empty. */
  async #load(topic: AppendTopic): Promise<void> {
    topic.loading = true
    const { clock, cluster, signal } = this.#host
    // A broker that lags behind does not know yet a topic that was just made.
    const believeMissingAt = clock.monotonic() + MISSING_MS
    const believeAwayAt = clock.monotonic() + AWAY_MS
    let refresh = topic.queues.length > 0
    for (let pauseMs = 50; topic.waiting.length > 0 && !signal.aborted; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        const found = await cluster.topic(topic.name, { refresh })
        if (found !== null || clock.monotonic() >= believeMissingAt) this.#loaded(topic, found !== null)
        refresh = true
      } catch (error) {
        const fault = toFault(error, `topic ${topic.name}`)
        const lasting = !fault.retriable || fault.code === 'NotAuthorized'
        if (lasting || clock.monotonic() >= believeAwayAt) this.#refuseWaiting(topic, neverSent(fault))
      }
      if (topic.waiting.length > 0) await sleep(pauseMs, undefined, { signal }).catch(() => {})
    }
    topic.loading = false
  }

  #loaded(topic: AppendTopic, exists: boolean): void {
    topic.missingUntil = exists ? 0 : this.#host.clock.monotonic() + MISSING_MS
    this.#adopt(topic)
    this.#leaveWaitingRoom(topic, exists ? 'has no such partition' : 'does not exist')
    if (exists) void this.learnLimit(topic)
  }

  /** Queues of the partitions that are new; those of a topic that was made again with fewer partitions are refused. */
  #adopt(topic: AppendTopic): void {
    const found = this.#host.cluster.cached(topic.name)
    if (found === undefined || found.partitions.length === topic.queues.length) return
    const lost = notFound(topic, 'lost this partition')
    for (const queue of topic.queues.slice(found.partitions.length)) drop(queue, lost)
    topic.queues = found.partitions.map(
      (_, index) => topic.queues[index] ?? new PartitionQueue(topic, index, this.#host.ledger, this.#wornOut),
    )
  }

  #leaveWaitingRoom(topic: AppendTopic, otherwise: string): void {
    for (const pending of topic.waiting.splice(0)) {
      if (pending.answered || this.#place(topic, pending)) continue
      this.#host.ledger.reject(pending, notFound(topic, otherwise))
    }
  }

  #refuseWaiting(topic: AppendTopic, fault: Fault): void {
    for (const pending of topic.waiting.splice(0)) this.#host.ledger.reject(pending, fault)
  }
}

/**
 * Whoever comes to this partition later gets a new queue, which begins at sequence 0: its producer id must be another one, also when a
 * request of the old queue is still in flight (the lane finds the old queue without work, and nothing of it is repeated).
 */
function drop(queue: TopicQueue, fault?: Fault): void {
  if (fault !== undefined) queue.refuseAll(fault)
  queue.forget()
}

function notFound(topic: AppendTopic, how: string): Fault {
  return new Fault('TopicNotFound', `topic ${topic.name} ${how}`)
}

/** A single record that the topic does not take. */
export function tooLarge(topic: AppendTopic, size: number, limit: number): Fault {
  const message = `a record of ${size} bytes is larger than topic ${topic.name} takes (${limit} bytes)`
  return new Fault('RecordTooLarge', message, { details: { limit } })
}
