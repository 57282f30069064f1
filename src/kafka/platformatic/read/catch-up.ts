import { setTimeout as sleep } from 'node:timers/promises'
import { retryBackoffMs } from '../../../core/backoff.ts'
import { Fault } from '../../../core/fault.ts'
import type { Batch, OffsetMoved, TopicPartition } from '../../log.ts'
import type { BrokerLinks } from './broker-links.ts'
import type { Cluster } from '../cluster.ts'
import type { PartitionLeader, TopicMetadata } from '../topic-metadata.ts'
import { FairSlots } from './fair-slots.ts'
import { kafkaErrorName, refusalOf, toFault } from '../faults.ts'
import { fetch } from './fetch-wire.ts'
import type { FetchedPartition } from './fetch-wire.ts'
import { partitionKey } from './followed.ts'
import { leaderOf, listRanges } from './ranges.ts'
import { toBatch } from './read-result.ts'
import type { RecordDecoder } from './record-batch.ts'
import { outOfRange } from './seeker.ts'

const IN_FLIGHT = 4
const IN_FLIGHT_PER_BROKER = 2
/** A moving leader is found within these tries, about two seconds; then the caller decides. */
const TRIES = 6
const BACKOFF = { baseMs: 100, capMs: 1_000 }
const NO_SESSION = { sessionId: 0, sessionEpoch: -1, forgotten: [] }

export interface CatchUpOptions {
  readonly cluster: Cluster
  readonly links: BrokerLinks
  readonly decoder: RecordDecoder
  readonly signal: AbortSignal
}

interface Found {
  readonly topic: TopicMetadata
  readonly leader: PartitionLeader
}

/** Reads for cursors that are behind: single fetches that wait for nothing, on a connection beside the tail's long polls. */
export class CatchUp {
  readonly #options: CatchUpOptions
  readonly #slots = new FairSlots(IN_FLIGHT, IN_FLIGHT_PER_BROKER)
  /** The id under which a topic was read last. */
  readonly #ids = new Map<string, string>()

  constructor(options: CatchUpOptions) {
    this.#options = options
  }

  /** Someone follows the topic under this id: who then reads another one is told that it was made again. */
  seen(topic: string, id: string): void {
    if (!this.#ids.has(topic)) this.#ids.set(topic, id)
  }

  /** As LogReader.read. That a topic was made again is told once, to the reader who meets it first. */
  async read(at: TopicPartition, from: bigint, maxBytes: number): Promise<Batch | OffsetMoved> {
    let fault = new Fault('LogUnavailable', `reading ${partitionKey(at)}: not tried`)
    for (let failed = 0; failed < TRIES; failed++) {
      if (failed > 1)
        await sleep(retryBackoffMs(failed - 1, BACKOFF), undefined, { signal: this.#options.signal }).catch(() => {})
      this.#checkOpen()
      const answer = await this.#try(at, from, maxBytes)
      if (!(answer instanceof Fault)) return answer
      fault = answer
      if (fault.code !== 'LogUnavailable') break
    }
    this.#checkOpen()
    throw fault
  }

  /** @returns a fault instead of throwing it, when it is worth a thought about another try. */
  async #try(at: TopicPartition, from: bigint, maxBytes: number): Promise<Batch | OffsetMoved | Fault> {
    try {
      const found = await this.#find(at)
      const known = this.#ids.get(at.topic)
      this.#ids.set(at.topic, found.topic.id)
      if (known !== undefined && known !== found.topic.id) return await this.#recreated(at)
      const news = await this.#slots.run(found.leader.nodeId, () => this.#fetch(at, found, from, maxBytes))
      return await this.#understand(at, from, news)
    } catch (error) {
      return toFault(error, `reading ${partitionKey(at)}`)
    }
  }

  async #find(at: TopicPartition): Promise<Found> {
    const leader = await leaderOf(this.#options.cluster, at)
    const topic = this.#options.cluster.cached(at.topic)
    if (topic === undefined) throw new Fault('LogUnavailable', `topic ${at.topic} is changing`)
    return { topic, leader }
  }

  async #fetch(
    at: TopicPartition,
    found: Found,
    from: bigint,
    maxBytes: number,
  ): Promise<FetchedPartition | undefined> {
    const { links, cluster } = this.#options
    const target = {
      topicId: found.topic.id,
      partition: at.partition,
      offset: from,
      leaderEpoch: found.leader.epoch,
      lastFetchedEpoch: -1,
    }
    const limits = { maxWaitMs: 0, maxBytes, partitionMaxBytes: maxBytes }
    try {
      const connection = await links.to(found.leader.nodeId)
      const response = await fetch(connection, { ...NO_SESSION, ...limits, targets: [target] })
      return response.partitions[0]
    } catch (error) {
      links.discard(found.leader.nodeId)
      cluster.markStale(at.topic)
      throw error
    }
  }

  async #understand(
    at: TopicPartition,
    offset: bigint,
    news: FetchedPartition | undefined,
  ): Promise<Batch | OffsetMoved | Fault> {
    if (news === undefined)
      return new Fault('LogUnavailable', `reading ${partitionKey(at)}: Kafka did not answer for it`)
    const error = kafkaErrorName(news.errorCode)
    if (error === 'OFFSET_OUT_OF_RANGE') {
      const moved = outOfRange({ offset }, await this.#range(at))
      return moved ?? new Fault('LogUnavailable', `reading ${partitionKey(at)}: its leader is behind`)
    }
    if (news.errorCode !== 0) return this.#refused(at, error)
    const { batch, corrupt } = toBatch(this.#options.decoder, { at, offset, lastFetchedEpoch: -1 }, news)
    if (corrupt === null || batch.next > offset) return batch
    return new Fault('LogRefused', `${partitionKey(at)} at offset ${offset} cannot be read: ${corrupt.message}`, {
      cause: corrupt,
    })
  }

  /** An unknown topic id may mean another one of the same name: the next try sees. */
  #refused(at: TopicPartition, error: string): Fault {
    this.#options.cluster.markStale(at.topic)
    const fault = refusalOf(error, 'topic', at.topic, 'Read', `reading ${partitionKey(at)}`)
    return fault.code === 'TopicNotFound' ? new Fault('LogUnavailable', fault.message) : fault
  }

  async #recreated(at: TopicPartition): Promise<OffsetMoved> {
    return { kind: 'recreated', next: (await this.#range(at)).start }
  }

  async #range(at: TopicPartition): Promise<{ start: bigint; end: bigint }> {
    const range = (await listRanges(this.#options.cluster, this.#options.links, [at])).get(partitionKey(at))
    if (range === undefined || range instanceof Fault) throw range ?? new Fault('LogUnavailable', 'no range')
    return range
  }

  #checkOpen(): void {
    if (this.#options.signal.aborted) throw new Fault('Closed', 'the reader was closed')
  }
}
