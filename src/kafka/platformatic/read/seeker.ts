import { Fault } from '../../../core/fault.ts'
import { retryBackoffMs } from '../../../core/backoff.ts'
import type { OffsetMoved } from '../../log.ts'
import { BrokerLinks } from './broker-links.ts'
import type { Cluster } from '../cluster.ts'
import type { PartitionLeader } from '../topic-metadata.ts'
import { toFault } from '../faults.ts'
import { partitionKey } from './followed.ts'
import type { Followed } from './followed.ts'
import { listRanges } from './ranges.ts'
import type { Range } from './ranges.ts'

export interface SeekerOptions {
  readonly cluster: Cluster
  readonly signal: AbortSignal
  readonly found: (partition: Followed, leader: PartitionLeader) => void
  readonly moved: (partition: Followed, moved: OffsetMoved) => void
  /** `passing`: worth a second look before anybody is told. Hands the partition back by {@link Seeker.seekAgain}. */
  readonly failed: (partition: Followed, fault: Fault, passing: boolean) => void
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000
/** A cluster elects a new leader in 9 to 10 s: we want to see it soon after, and one question a second harms nobody. */
const LONGEST_WAIT_FOR_LEADER_MS = 1_000

/**
 * Finds the leaders of partitions that have none, and the way back for offsets that are not in the log. What is asked for in one turn
 * shares its requests.
 */
export class Seeker {
  readonly #options: SeekerOptions
  readonly #links: BrokerLinks
  readonly #timers = new Set<NodeJS.Timeout>()
  #seeking: Followed[] = []
  #failing: Followed[] = []
  #locating: Followed[] = []

  constructor(options: SeekerOptions) {
    this.#options = options
    this.#links = new BrokerLinks(options.cluster)
  }

  /** Looks for the leader now. */
  seek(partition: Followed): void {
    if (this.#seeking.push(partition) > 1) return
    queueMicrotask(() => {
      const all = this.#seeking
      this.#seeking = []
      void this.#findLeaders(all)
    })
  }

  /** Looks for the leader: at once after the first failure, then after a wait that grows to 1 s, or to 5 s when a leader is not what it lacks. */
  seekAgain(partition: Followed): void {
    if (this.#failing.push(partition) > 1) return
    queueMicrotask(() => {
      const all = this.#failing
      this.#failing = []
      for (const [wait, some] of Map.groupBy(all, boundOfWait)) this.#later(wait, some)
    })
  }

  /** The offset is out of range: asks for the range and tells where to go on. */
  locate(partition: Followed): void {
    if (this.#locating.push(partition) > 1) return
    queueMicrotask(() => {
      const all = this.#locating
      this.#locating = []
      void this.#place(all, outOfRange)
    })
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#links.close()
  }

  #later(boundMs: number, partitions: readonly Followed[]): void {
    if (this.#options.signal.aborted) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        for (const partition of partitions) this.seek(partition)
      },
      retryBackoffMs(1, { baseMs: boundMs }),
    )
    this.#timers.add(timer)
  }

  async #findLeaders(partitions: readonly Followed[]): Promise<void> {
    const { cluster, failed } = this.#options
    const recreated: Followed[] = []
    const look = async (partition: Followed): Promise<void> => {
      try {
        const topic = await cluster.topic(partition.at.topic)
        if (this.#gone(partition)) return
        if (topic === null) throw new Fault('TopicNotFound', `topic ${partition.at.topic} does not exist`)
        if (partition.topicId !== '' && partition.topicId !== topic.id) recreated.push(partition)
        else this.#attach(partition, topic.id, topic.partitions[partition.partition])
      } catch (error) {
        if (!this.#gone(partition))
          failed(partition, toFault(error, `looking for ${partitionKey(partition.at)}`), false)
      }
    }
    await Promise.all(partitions.map(look))
    if (recreated.length > 0) await this.#place(recreated, (_, range) => ({ kind: 'recreated', next: range.start }))
  }

  #attach(partition: Followed, topicId: string, leader: PartitionLeader | undefined): void {
    const { cluster, failed, found } = this.#options
    if (leader === undefined) {
      cluster.markStale(partition.at.topic)
      failed(partition, new Fault('TopicNotFound', `topic has no partition ${partitionKey(partition.at)}`), false)
    } else if (leader.nodeId === -1) {
      cluster.markStale(partition.at.topic)
      failed(partition, new Fault('LogUnavailable', `partition ${partitionKey(partition.at)} has no leader now`), true)
    } else {
      partition.topicId = topicId
      partition.leaderEpoch = leader.epoch
      found(partition, leader)
    }
  }

  /** Asks for the ranges, tells who has to move, and sends all on to their leaders. */
  async #place(
    partitions: readonly Followed[],
    decide: (partition: Followed, range: Range) => OffsetMoved | null,
  ): Promise<void> {
    const { cluster, failed, moved } = this.#options
    const ranges = await listRanges(
      cluster,
      this.#links,
      partitions.map((partition) => partition.at),
    )
    for (const partition of partitions) {
      if (this.#gone(partition)) continue
      const range = ranges.get(partitionKey(partition.at))
      const topic = cluster.cached(partition.at.topic)
      if (range === undefined || range instanceof Fault || topic === undefined) {
        failed(partition, range instanceof Fault ? range : notFound(partition), true)
        continue
      }
      const decision = decide(partition, range)
      partition.lastFetchedEpoch = -1
      if (decision === null) {
        const message = `${partitionKey(partition.at)}: its leader refused offset ${partition.offset}, which it has`
        failed(partition, new Fault('LogUnavailable', message), true)
        continue
      }
      // Made again while we asked about the old one: look at the new one first.
      if (decision.kind === 'recreated' || topic.id === partition.topicId) {
        partition.topicId = topic.id
        moved(partition, decision)
      }
      if (!this.#gone(partition)) this.seek(partition)
    }
  }

  #gone(partition: Followed): boolean {
    return partition.removed || this.#options.signal.aborted
  }
}

function boundOfWait({ failures, told }: Followed): number {
  if (failures <= 1) return 0
  const cap = told?.code === 'LogUnavailable' ? LONGEST_WAIT_FOR_LEADER_MS : LONGEST_WAIT_MS
  return Math.min(cap, FIRST_WAIT_MS * 2 ** (failures - 2))
}

function notFound(partition: Followed): Fault {
  return new Fault('TopicNotFound', `topic ${partition.at.topic} does not exist`)
}

/**
 * Below the start retention was faster; above the end the log was cut. null: it is in range after all: the leader had not caught up, or does
 * not know the epoch of what we read last.
 */
export function outOfRange(position: { readonly offset: bigint }, range: Range): OffsetMoved | null {
  if (position.offset < range.start) return { kind: 'expired', next: range.start, lost: range.start - position.offset }
  if (position.offset > range.end) return { kind: 'truncated', next: range.end }
  return null
}
