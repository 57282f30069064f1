import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Batch, OffsetMoved, Tail, TailHandler, TopicPartition } from '../../log.ts'
import { BrokerLinks } from './broker-links.ts'
import type { Cluster } from '../cluster.ts'
import { isRequestTimeout, kafkaErrorName, refusalOf, toFault } from '../faults.ts'
import type { FetchedPartition } from './fetch-wire.ts'
import { Followed, partitionKey } from './followed.ts'
import { LeaderLoop } from './leader-loop.ts'
import type { FetchLimits } from './leader-loop.ts'
import { toBatch } from './read-result.ts'
import type { RecordDecoder } from './record-batch.ts'
import { Seeker } from './seeker.ts'

export interface TailOptions {
  readonly cluster: Cluster
  readonly decoder: RecordDecoder
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: FetchLimits
  /** A broker that has not answered a poll for this long counts as hanging. */
  readonly requestTimeoutMs: number
  /** Told under which id a topic is followed. */
  readonly seen: (topic: string, id: string) => void
}

/** Errors that a look at fresh metadata most often ends at once: nobody is told of the first one. */
const PASSING = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'LEADER_NOT_AVAILABLE',
  'OFFSET_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INCONSISTENT_TOPIC_ID',
])

/**
 * Follows partitions: one loop a leader, and a seeker for those without one.
 *
 *     add ─► seeker ─► loop of the leader ─► fetched ─► records?  ─► handler.batch ─► true: on / false: paused until resume
 *              ▲                                └─────► offset gone? ─► seeker asks for the range ─► handler.moved
 *              └───────── after a backoff ◄─────────────error ─► handler.state
 */
export class KafkaTail implements Tail {
  readonly #options: TailOptions
  readonly #handler: TailHandler
  readonly #closing = new AbortController()
  readonly #links: BrokerLinks
  readonly #loops = new Map<number, LeaderLoop>()
  readonly #followed = new Map<string, Followed>()
  readonly #seeker: Seeker

  constructor(options: TailOptions, handler: TailHandler) {
    this.#options = options
    this.#handler = handler
    this.#links = new BrokerLinks(options.cluster, options.requestTimeoutMs)
    this.#seeker = new Seeker({
      cluster: options.cluster,
      signal: this.#closing.signal,
      found: (partition, leader) => {
        options.seen(partition.at.topic, partition.topicId)
        this.#loop(leader.nodeId).take(partition)
      },
      moved: (partition, moved) => this.#moved(partition, moved),
      failed: (partition, fault, passing) => this.#fail(partition, fault, passing),
    })
  }

  add(at: TopicPartition, from: bigint): void {
    if (this.#closing.signal.aborted) throw new Fault('Closed', 'the tail was closed')
    this.remove(at)
    const partition = new Followed({ topic: at.topic, partition: at.partition }, from)
    this.#followed.set(partitionKey(at), partition)
    this.#seeker.seek(partition)
  }

  remove(at: TopicPartition): void {
    const partition = this.#followed.get(partitionKey(at))
    if (partition === undefined) return
    this.#followed.delete(partitionKey(at))
    partition.removed = true
    partition.loop?.release(partition)
  }

  resume(at: TopicPartition): void {
    const partition = this.#followed.get(partitionKey(at))
    if (partition?.paused !== true) return
    partition.paused = false
    partition.loop?.take(partition)
  }

  close(): Promise<void> {
    this.#closing.abort()
    for (const partition of this.#followed.values()) partition.removed = true
    this.#followed.clear()
    this.#links.close()
    this.#seeker.close()
    return Promise.resolve()
  }

  /** A loop has news. A partition that is new in a session, or had an error, always gets some: so it is here that one is known to read again. */
  fetched(partition: Followed, news: FetchedPartition): void {
    if (news.diverging !== null) {
      this.#truncated(partition, news.diverging)
      return
    }
    switch (kafkaErrorName(news.errorCode)) {
      case 'NONE':
        this.#batch(partition, news)
        return
      case 'OFFSET_OUT_OF_RANGE':
        this.#leave(partition)
        this.#seeker.locate(partition)
        return
      default:
        this.#refused(partition, news)
    }
  }

  /** A loop has no connection. */
  lost(partitions: readonly Followed[], error: unknown): void {
    const fault = toFault(error, 'following a log')
    // A broker that closes connections is most often being restarted in good order: the next leader is a look away. One that hangs is not.
    const passing = fault.code === 'LogUnavailable' && !isRequestTimeout(error)
    for (const topic of new Set(partitions.map((partition) => partition.at.topic)))
      this.#options.cluster.markStale(topic)
    for (const partition of partitions) this.#fail(partition, fault, passing)
  }

  #batch(partition: Followed, news: FetchedPartition): void {
    const { batch, corrupt } = toBatch(this.#options.decoder, partition, news)
    if (corrupt === null) this.#recovered(partition)
    if (partition.removed) return // by the handler, on hearing that
    if (batch.next > partition.offset) {
      if (!this.#handOver(partition, batch)) return
      partition.offset = batch.next
      if (batch.leaderEpoch >= 0) partition.lastFetchedEpoch = batch.leaderEpoch
      if (partition.removed) return
      if (partition.paused) partition.loop?.release(partition)
      else partition.loop?.advance(partition)
    }
    if (corrupt === null || partition.paused) return
    const message = `${partitionKey(partition.at)} at offset ${partition.offset} cannot be read: ${corrupt.message}`
    this.#fail(partition, new Fault('LogRefused', message, { cause: corrupt }), false)
  }

  /** @returns false when the handler threw: the same batch comes again, since nobody can say what became of it. */
  #handOver(partition: Followed, batch: Batch): boolean {
    try {
      partition.paused = !this.#handler.batch(batch)
      return true
    } catch (error) {
      this.#options.logger.error({ ...partition.at, error }, 'a batch could not be taken; it will be read again')
      this.#fail(partition, toFault(error, `handling a batch of ${partitionKey(partition.at)}`), false)
      return false
    }
  }

  /** Tells the handler something that it cannot refuse: a mistake of its own must not end our loops. */
  #notify(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#options.logger.error({ error }, 'the handler of a tail failed')
    }
  }

  /** The leader's log parted from what we read, after an unclean failover: everything from there on was lost or is other data. */
  #truncated(partition: Followed, diverging: { epoch: number; endOffset: bigint }): void {
    const next = diverging.endOffset < partition.offset ? diverging.endOffset : partition.offset
    partition.lastFetchedEpoch = diverging.epoch
    if (next < partition.offset) this.#moved(partition, { kind: 'truncated', next })
    if (!partition.removed) partition.loop?.advance(partition)
  }

  #moved(partition: Followed, moved: OffsetMoved): void {
    if (partition.removed) return
    partition.offset = moved.next
    this.#options.logger.warn({ ...partition.at, ...moved }, 'the log does not have the next offset')
    this.#notify(() => this.#handler.moved(partition.at, moved))
  }

  #refused(partition: Followed, news: FetchedPartition): void {
    const { cluster } = this.#options
    const error = kafkaErrorName(news.errorCode)
    const { topic, partition: number } = partition.at
    if (news.leader !== null && news.leader.epoch > partition.leaderEpoch && cluster.hasBroker(news.leader.nodeId)) {
      cluster.learnLeader(topic, number, news.leader)
    } else cluster.markStale(topic)
    const fault = refusalOf(error, 'topic', topic, 'Read', `fetching ${partitionKey(partition.at)}`)
    this.#fail(partition, fault, PASSING.has(error))
  }

  /** Back to the seeker; the handler is told unless this may pass by itself and is the first time. */
  #fail(partition: Followed, fault: Fault, passing: boolean): void {
    if (partition.removed) return
    this.#leave(partition)
    partition.failures++
    if (!passing || partition.failures > 1) this.#tell(partition, fault)
    if (!partition.removed) this.#seeker.seekAgain(partition)
  }

  #recovered(partition: Followed): void {
    partition.failures = 0
    this.#tell(partition, null)
  }

  #tell(partition: Followed, fault: Fault | null): void {
    if (partition.removed || partition.told?.code === fault?.code) return
    partition.told = fault
    this.#notify(() => this.#handler.state(partition.at, fault))
  }

  #leave(partition: Followed): void {
    partition.loop?.release(partition)
    partition.loop = null
  }

  #loop(nodeId: number): LeaderLoop {
    const { clock, limits } = this.#options
    const known = this.#loops.get(nodeId)
    if (known !== undefined) return known
    const signal = this.#closing.signal
    const loop = new LeaderLoop(nodeId, { links: this.#links, clock, limits, owner: this, signal })
    this.#loops.set(nodeId, loop)
    return loop
  }
}
