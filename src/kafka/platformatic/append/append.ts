import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Appended, Appender, AppenderOptions, NewRecord } from '../../log.ts'
import { verdictOf } from './append-answer.ts'
import { batchSize, contentSize, HeaderNameEncoder } from './append-batch.ts'
import type { Identity } from './append-batch.ts'
import { ProducerIdentity } from './append-identity.ts'
import { Lane } from './append-lane.ts'
import type { ProduceResult } from './append-produce.ts'
import { Ledger, neverSent } from './append-ledger.ts'
import type { Pending } from './append-ledger.ts'
import { Repair } from './append-repair.ts'
import { AppendTopics, tooLarge } from './append-topics.ts'
import type { AppendTopic, TopicQueue } from './append-topics.ts'
import { Turn } from './append-turn.ts'
import type { Cluster } from '../cluster.ts'
import { faultCodeOf, isSignInFault, kafkaErrorName, refusalOf, toFault } from '../faults.ts'

const UPKEEP_MS = 30_000
const LANE_IDLE_MS = 180_000
const TOPIC_UNUSED_MS = 600_000
/** A partition whose oldest record waits longer than this gets no records without key. */
const STUCK_MS = 1_000
/** So long no broker answers until what was not sent is refused: its callers may well hear it before their deadlines. */
const AWAY_MS = 5_000

/** Counted since the start. */
export interface AppendCounters {
  /** Batches sent again because an attempt failed. */
  retries: number
  /** Times a leader had lost track of our sequence numbers, so that a batch was sent under a new producer id: it may be stored twice. */
  identityResets: number
  /** Batches that were refused as a whole and sent in parts. */
  splits: number
}

/** An appender that tells what happened to it. */
export interface KafkaAppender extends Appender {
  readonly counters: Readonly<AppendCounters>
}

/** Appends to Kafka with the promises of {@link Appender}. Connects on first use. */
export function createAppender(
  cluster: Cluster,
  options: AppenderOptions & { readonly clock: Clock; readonly logger: Logger },
): KafkaAppender {
  return new LaneAppender(cluster, options)
}

/**
 *     append ─► size, bound ─► topic ─► queue of the partition ─► lane of its leader ─┐
 *                                ▲          ▲                                       │ end of the turn of the event loop,
 *                                │          │ parked: no leader, no answer          │ one request in flight a lane
 *                             metadata    repair ◄──────────────────────────────────┤
 *                                                                                   ▼
 *     caller ◄──────────────────────── answer, partition by partition ◄───────── Produce
 */
class LaneAppender implements KafkaAppender {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly names = new HeaderNameEncoder()
  readonly ledger = new Ledger()
  readonly counters: AppendCounters = { retries: 0, identityResets: 0, splits: 0 }
  readonly #logger: Logger
  readonly #deadlineMs: number
  readonly #maxPendingBytes: number
  readonly #stop = new AbortController()
  readonly #topics: AppendTopics
  readonly #repair: Repair
  readonly #producer: ProducerIdentity
  readonly #lanes = new Map<number, Lane>()
  readonly #turn: Turn
  readonly #upkeep: NodeJS.Timeout
  #sweep: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null

  constructor(cluster: Cluster, options: AppenderOptions & { readonly clock: Clock; readonly logger: Logger }) {
    this.cluster = cluster
    this.clock = options.clock
    this.#logger = options.logger
    this.#deadlineMs = options.deadlineMs ?? 30_000
    this.#maxPendingBytes = options.maxPendingBytes ?? 64 * 1024 * 1024
    this.#turn = new Turn(options.clock)
    this.#topics = new AppendTopics(this)
    this.#repair = new Repair(this)
    this.#producer = new ProducerIdentity(cluster)
    this.#upkeep = setInterval(() => this.#tidy(), UPKEEP_MS).unref()
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get pendingBytes(): number {
    return this.ledger.bytes
  }

  append(record: NewRecord): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== null) return reject(new Fault('Closed', 'the appender was closed'))
      const size = contentSize(record, this.names)
      if (this.ledger.bytes + size > this.#maxPendingBytes) {
        return reject(new Fault('LogOverloaded', `${this.ledger.bytes} bytes wait for acknowledgement already`))
      }
      const due = this.#turn.start + this.#deadlineMs
      const pending = { record, size, timestamp: this.#turn.timestamp, due, resolve, reject, answered: false }
      this.ledger.accept(pending)
      if (this.#sweep === null) this.#scheduleSweep()
      this.#topics.accept(pending)
    })
  }

  close(deadlineMs: number): Promise<void> {
    return (this.#closing ??= this.#close(deadlineMs))
  }

  // ── for topics, lanes and repair ──

  topic(name: string): AppendTopic | undefined {
    return this.#topics.get(name)
  }

  enqueue(queue: TopicQueue): void {
    const leader = this.cluster.cached(queue.topic.name)?.partitions[queue.index]?.nodeId ?? -1
    if (leader >= 0) this.#lane(leader).enlist(queue)
    else this.#repair.park(queue)
  }

  isStuck(queue: TopicQueue): boolean {
    const oldest = queue.oldest
    return (
      queue.state === 'parked' || (oldest !== null && this.#turn.start - (oldest.due - this.#deadlineMs) > STUCK_MS)
    )
  }

  wake(lane: Lane): void {
    this.#turn.wake(lane)
  }

  taken(topic: AppendTopic): void {
    this.#topics.nextSticky(topic)
  }

  get identity(): Identity | null {
    return this.#producer.current
  }

  renewIdentity(): Promise<void> {
    return this.#producer.renew()
  }

  wornOut(identity: Identity): void {
    this.#producer.wornOut(identity)
  }

  answered(queue: TopicQueue, result: ProduceResult): void {
    this.cluster.heard()
    const verdict = verdictOf(result.errorCode)
    if (verdict === 'stored') {
      queue.stored(result.baseOffset)
      return this.#goOn(queue)
    }
    const error = kafkaErrorName(result.errorCode)
    this.#logger.debug({ topic: queue.topic.name, partition: queue.index, error, verdict }, 'a batch was not stored')
    if (verdict === 'split') return this.#split(queue, error)
    if (verdict === 'refused') {
      queue.refuse(refusal(queue, error))
      return this.#goOn(queue)
    }
    this.counters.retries++
    if (verdict === 'identify') return this.#identifyAnew(queue, error)
    if (verdict === 'unclear') queue.unclear()
    if (this.#follow(queue, result)) return
    this.#repair.park(queue)
  }

  failed(queue: TopicQueue, error: unknown, sent: boolean): void {
    const fault = toFault(error, `appending to topic ${queue.topic.name}`)
    if (sent) {
      this.counters.retries++
      queue.unclear()
    } else if (fault.code === 'NotAuthorized' || fault.code === 'LogRefused') queue.refuseAll(fault)
    else if (isSignInFault(fault))
      queue.refuseUnsent(this.clock.monotonic() + this.#deadlineMs - AWAY_MS, neverSent(fault))
    this.#logger.debug({ topic: queue.topic.name, partition: queue.index, fault: fault.message }, 'no answer')
    if (queue.hasWork) this.#repair.park(queue)
    else queue.state = 'idle'
  }

  repaired(queue: TopicQueue, leader: number): void {
    this.#lane(leader).enlist(queue)
  }

  hopeless(queue: TopicQueue, fault: Fault, topicGone: boolean): void {
    queue.refuseAll(fault)
    queue.state = 'idle'
    if (topicGone) this.#topics.forget(queue.topic, fault)
  }

  // ── answers ──

  /** After an answer: the next batch, if any. */
  #goOn(queue: TopicQueue): void {
    if (queue.hasWork) this.enqueue(queue)
    else queue.state = 'idle'
  }

  /** The old leader may say who leads now: no need to ask. Not again and again: two brokers may each name the other. */
  #follow(queue: TopicQueue, { leader }: ProduceResult): boolean {
    if (leader === null || leader.nodeId < 0 || queue.failures > 0 || !this.cluster.hasBroker(leader.nodeId))
      return false
    this.cluster.learnLeader(queue.topic.name, queue.index, leader)
    queue.failures++
    this.#lane(leader.nodeId).enlist(queue)
    return true
  }

  #split(queue: TopicQueue, error: string): void {
    const learned = this.#topics.learnLimit(queue.topic, true)
    if (queue.split()) {
      this.counters.splits++
      return this.#goOn(queue)
    }
    const entries = queue.giveUp()
    this.#goOn(queue)
    const size = batchSize(entries)
    const { topic } = queue
    if (faultCodeOf(error) !== 'RecordTooLarge') return this.#reject(entries, refusal(queue, error))
    void learned.then(() => this.#reject(entries, tooLarge(topic, size, Math.min(topic.maxMessageBytes, size - 1))))
  }

  #reject(entries: readonly Pending[], fault: Fault): void {
    for (const pending of entries) this.ledger.reject(pending, fault)
  }

  #identifyAnew(queue: TopicQueue, error: string): void {
    this.counters.identityResets++
    const facts = { topic: queue.topic.name, partition: queue.index, error }
    this.#logger.warn(facts, 'the leader lost track of our producer id: taking a new one')
    queue.forget()
    this.#repair.park(queue)
  }

  #lane(nodeId: number): Lane {
    let lane = this.#lanes.get(nodeId)
    if (lane === undefined) this.#lanes.set(nodeId, (lane = new Lane(nodeId, this)))
    return lane
  }

  // ── time ──

  /** Answers expired callers; runs only while callers wait. */
  #scheduleSweep(): void {
    const every = Math.min(250, Math.max(5, this.#deadlineMs / 20))
    this.#sweep = setTimeout(() => {
      this.#sweep = null
      this.#topics.expire(this.clock.monotonic())
      this.#refuseWhileAway()
      if (this.ledger.count > 0) this.#scheduleSweep()
    }, every)
  }

  /** What came after the last look at the cluster waits for the next one: Kafka may be back. */
  #refuseWhileAway(): void {
    const silence = this.cluster.silence
    if (silence === null || silence.until - silence.since < AWAY_MS) return
    this.#topics.refuseUnsent(silence.until + this.#deadlineMs, neverSent(silence.fault))
  }

  #tidy(): void {
    const now = this.clock.monotonic()
    for (const lane of this.#lanes.values()) {
      if (!lane.isIdle || (this.cluster.hasBroker(lane.nodeId) && now - lane.sentAt < LANE_IDLE_MS)) continue
      this.#lanes.delete(lane.nodeId)
      void lane.close()
    }
    void this.#topics.refresh(now - TOPIC_UNUSED_MS)
  }

  async #close(deadlineMs: number): Promise<void> {
    const deadline = Promise.withResolvers<void>()
    const timer = setTimeout(deadline.resolve, deadlineMs)
    await Promise.race([this.ledger.empty(), deadline.promise])
    clearTimeout(timer)
    this.#stop.abort()
    clearInterval(this.#upkeep)
    this.#repair.close()
    this.#topics.refuseAll(new Fault('Closed', 'the appender was closed before the record was acknowledged'))
    if (this.#sweep !== null) clearTimeout(this.#sweep)
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
  }
}

function refusal(queue: TopicQueue, error: string): Fault {
  return refusalOf(error, 'topic', queue.topic.name, 'Write')
}
