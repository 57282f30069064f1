import { Fault } from '../../../core/fault.ts'
import type { Clock } from '../../../core/clock.ts'
import type { TopicQueue } from './append-topics.ts'
import type { Cluster } from '../cluster.ts'
import { toFault } from '../faults.ts'

const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 1_000
/** A topic or partition that was there must be missing this long before we believe that it is gone. */
const GONE_AFTER_MS = 2_000

/** What the repair needs of the appender. */
export interface RepairHost {
  readonly cluster: Cluster
  readonly clock: Clock
  /** Its leader is known (again): enlist it there. */
  repaired(queue: TopicQueue, leader: number): void
  /** Nothing of it will ever be stored. `topicGone`: the same holds for the whole topic. */
  hopeless(queue: TopicQueue, fault: Fault, topicGone: boolean): void
}

/**
 * Where queues wait that could not be sent. Each has its own pause, doubling up to a second; those that are due share one question to the
 * cluster about who leads them now:
 *
 *     park ──► pause ──► ask for metadata ──┬── leader ──► its lane
 *       ▲                                   ├── gone for two seconds, or not allowed ──► refused
 *       └────────── no leader, no answer ◄──┘
 */
export class Repair {
  readonly #host: RepairHost
  readonly #parked = new Set<TopicQueue>()
  #timer: NodeJS.Timeout | null = null
  #timerAt = Infinity
  #closed = false

  constructor(host: RepairHost) {
    this.#host = host
  }

  park(queue: TopicQueue): void {
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(queue.failures, 10))
    queue.failures++
    queue.state = 'parked'
    queue.retryAt = this.#host.clock.monotonic() + pause
    this.#parked.add(queue)
    this.#schedule(queue.retryAt)
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#parked.clear()
  }

  #schedule(at: number): void {
    if (this.#closed || at >= this.#timerAt) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => void this.#round(), Math.max(1, at - this.#host.clock.monotonic()))
  }

  async #round(): Promise<void> {
    this.#timerAt = Infinity
    const due = this.#takeDue()
    if (due.length === 0) return
    const names = [...new Set(due.map((queue) => queue.topic.name))]
    try {
      await this.#host.cluster.topics(names, { refresh: true })
    } catch {
      // Nobody answers: what the cache says is as old as the failure, so all of them wait on.
      for (const queue of due) this.park(queue)
      return
    }
    for (const queue of due) await this.#place(queue)
  }

  #takeDue(): TopicQueue[] {
    const now = this.#host.clock.monotonic()
    const due: TopicQueue[] = []
    let next = Infinity
    for (const queue of this.#parked) {
      // Those that are due soon come along: one question for all.
      if (queue.retryAt > now + FIRST_PAUSE_MS) {
        next = Math.min(next, queue.retryAt)
        continue
      }
      this.#parked.delete(queue)
      if (queue.hasWork) due.push(queue)
      else queue.state = 'idle'
    }
    if (next < Infinity) this.#schedule(next)
    return due
  }

  async #place(queue: TopicQueue): Promise<void> {
    const { cluster, clock } = this.#host
    const topic = cluster.cached(queue.topic.name)
    const leader = topic?.partitions[queue.index]
    if (leader !== undefined) {
      queue.missingSince = 0
      if (leader.nodeId >= 0 && !this.#closed) this.#host.repaired(queue, leader.nodeId)
      else this.park(queue)
      return
    }
    const fault = await missing(cluster, queue.topic.name)
    const now = clock.monotonic()
    if (queue.missingSince === 0) queue.missingSince = now
    if (fault.code === 'NotAuthorized') this.#host.hopeless(queue, fault, true)
    else if (now - queue.missingSince >= GONE_AFTER_MS) this.#host.hopeless(queue, fault, topic === undefined)
    else this.park(queue)
  }
}

/** Why the cluster's answer lacks this topic or partition; the answer is cached. */
async function missing(cluster: Cluster, name: string): Promise<Fault> {
  try {
    const topic = await cluster.topic(name)
    return new Fault(
      'TopicNotFound',
      `topic ${name} ${topic === null ? 'does not exist any more' : 'lost this partition'}`,
    )
  } catch (error) {
    return toFault(error, `topic ${name}`)
  }
}
