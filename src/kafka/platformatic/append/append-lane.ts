import type { Clock } from '../../../core/clock.ts'
import type { HeaderNameEncoder, Identity } from './append-batch.ts'
import { produce, ProduceEncoder } from './append-produce.ts'
import type { ProduceBatch, ProduceResult } from './append-produce.ts'
import type { AppendTopic, TopicQueue } from './append-topics.ts'
import type { Cluster } from '../cluster.ts'
import { dropConnection } from '../broker-connection.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import { toFault } from '../faults.ts'

/** A leader that waits for its followers answers by then, so that only one that hangs runs into the request timeout. */
const ACK_TIMEOUT_MS = 4_000
/** Below the 9 s after which Kafka gives up a silent broker: we ask anew when the next leader is there. */
export const REQUEST_TIMEOUT_MS = 8_000
/** One request takes no more bytes; the partitions left over go first in the next one. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024

/** What a lane needs of the appender. */
export interface LaneHost {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly names: HeaderNameEncoder
  /** The producer id for partitions that have none; null: {@link renewIdentity} first. Lanes keep no copy: it may wear out any time. */
  readonly identity: Identity | null
  /** @throws Fault */
  renewIdentity(): Promise<void>
  /** The lane wants `flush` at the end of this turn. */
  wake(lane: Lane): void
  /** Records of this topic go with a request: keyless ones that come now may go to another partition. */
  taken(topic: AppendTopic): void
  /** The leader's answer about one queue; afterwards the queue is idle, parked, or listed in a lane. */
  answered(queue: TopicQueue, result: ProduceResult): void
  /** No answer, or no connection: the queue is tried again later. `sent`: the batch may be stored. */
  failed(queue: TopicQueue, error: unknown, sent: boolean): void
  topic(name: string): AppendTopic | undefined
}

/**
 * The way to one leader: a connection of its own, one Produce request in flight, in it at most one batch a partition. Lanes know nothing
 * of each other, so a leader that is slow, hangs or dies holds up its own partitions only.
 *
 *     enlist ──► list ──┐                            ┌──► answered, each queue by its own result ──► list (more to send)
 *                       ├─ end of turn, none in      │
 *                       │  flight: cut, encode ──► request
 *     turn's appends ───┘                            └──► no answer: connection dropped, each queue parked, its batch unclear
 */
export class Lane {
  readonly nodeId: number
  readonly #host: LaneHost
  readonly #encoder: ProduceEncoder
  #connection: BrokerConnection | null = null
  /** Takes its place once nothing is in flight. */
  #heir: BrokerConnection | null = null
  #preparing = false
  #list: TopicQueue[] = []
  #inFlight: readonly TopicQueue[] | null = null
  #sentAt = 0
  #closed = false
  /** Wanted by the appender's turn already. */
  woken = false

  constructor(nodeId: number, host: LaneHost) {
    this.nodeId = nodeId
    this.#host = host
    this.#encoder = new ProduceEncoder(host.names)
  }

  /** Monotonic time of the last request. */
  get sentAt(): number {
    return this.#sentAt
  }

  get isIdle(): boolean {
    return this.#inFlight === null && this.#list.length === 0 && !this.#preparing
  }

  /** The queue goes with the next request. */
  enlist(queue: TopicQueue): void {
    queue.state = 'listed'
    this.#list.push(queue)
    this.#host.wake(this)
  }

  /** Sends what is listed unless a request is in flight. */
  flush(): void {
    if (this.#closed || this.#inFlight !== null || this.#list.length === 0) return
    this.#inherit()
    const connection = this.#connection
    const identity = this.#host.identity
    if (connection === null || identity === null) {
      if (!this.#preparing) void this.#prepare()
      return
    }
    const batches = this.#take(identity)
    if (batches.length === 0) return
    this.#sentAt = this.#host.clock.monotonic()
    produce(connection, this.#encoder.encode(batches, ACK_TIMEOUT_MS), (error, results) => {
      if (this.#connection === connection) this.#settle(error, results)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#dropHeir()
    const connection = this.#connection
    this.#connection = null
    if (connection !== null) await dropConnection(connection)
  }

  /** Takes the next batch of each listed queue, those of one topic together as the request wants them. */
  #take(identity: Identity): ProduceBatch[] {
    const byTopic = new Map<AppendTopic, ProduceBatch[]>()
    const taken: TopicQueue[] = []
    let bytes = 0
    let left = 0
    for (; left < this.#list.length && bytes < MAX_REQUEST_BYTES; left++) {
      const queue = this.#list[left] as TopicQueue
      const entries = queue.next(queue.topic.batchBytes)
      if (entries === null) {
        queue.state = 'idle'
        continue
      }
      for (const entry of entries) bytes += entry.size
      queue.state = 'sent'
      queue.carrier = this
      taken.push(queue)
      const batch = {
        topic: queue.topic,
        index: queue.index,
        entries,
        identity: queue.identify(identity),
        sequence: queue.sequence,
      }
      const others = byTopic.get(queue.topic)
      if (others !== undefined) others.push(batch)
      else {
        byTopic.set(queue.topic, [batch])
        this.#host.taken(queue.topic)
      }
    }
    this.#list = this.#list.slice(left)
    if (taken.length > 0) this.#inFlight = taken
    return [...byTopic.values()].flat()
  }

  async #prepare(): Promise<void> {
    this.#preparing = true
    let opened: BrokerConnection | null = null
    try {
      if (this.#host.identity === null) await this.#host.renewIdentity()
      if (this.#connection === null) {
        opened = await this.#host.cluster.connect(this.nodeId, { requestTimeoutMs: REQUEST_TIMEOUT_MS })
        if (this.#closed) return void dropConnection(opened)
        this.#use(opened)
      }
      this.#host.wake(this)
    } catch (error) {
      this.#failList(error)
    } finally {
      this.#preparing = false
    }
  }

  #use(connection: BrokerConnection): void {
    this.#connection = connection
    this.#sentAt = this.#host.clock.monotonic()
    connection.heir = (next) => {
      if (this.#closed || this.#connection !== connection) return void dropConnection(next)
      this.#dropHeir()
      this.#heir = next
      if (this.#inFlight === null) this.#inherit()
    }
    connection.once('close', () => {
      if (this.#connection !== connection) return
      this.#settle(new Error(`broker ${this.nodeId} closed the connection`), undefined)
    })
  }

  /** Nothing is in flight, so the old connection is idle: it retires by itself. */
  #inherit(): void {
    const heir = this.#heir
    this.#heir = null
    if (heir?.isConnected() === true && !heir.isRetired) return this.#use(heir)
    if (heir !== null) void dropConnection(heir)
    // the credential has changed twice meanwhile: under a steady load the retired one would never be idle for long enough to end
    if (this.#connection?.isRetired === true) this.#connection = null
  }

  #dropHeir(): void {
    if (this.#heir !== null) void dropConnection(this.#heir)
    this.#heir = null
  }

  #settle(error: Error | null, results: readonly ProduceResult[] | undefined): void {
    const inFlight = this.#inFlight ?? []
    this.#inFlight = null
    if (error !== null) this.#drop()
    this.#inherit()
    for (const result of results ?? []) {
      const queue = this.#host.topic(result.topic)?.queues[result.index]
      if (queue?.state === 'sent' && queue.carrier === this) this.#host.answered(queue, result)
    }
    const silence = toFault(error ?? new Error('its answer says nothing about this partition'), `broker ${this.nodeId}`)
    for (const queue of inFlight) if (queue.state === 'sent') this.#host.failed(queue, silence, true)
    if (this.#list.length > 0) this.#host.wake(this)
  }

  #drop(): void {
    const connection = this.#connection
    this.#connection = null
    if (connection !== null) void dropConnection(connection)
  }

  #failList(error: unknown): void {
    const list = this.#list
    this.#list = []
    for (const queue of list) this.#host.failed(queue, error, false)
  }
}
