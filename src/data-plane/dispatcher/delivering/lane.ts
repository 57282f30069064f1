import type { InLine } from '../in-line.ts'
import type { Budget } from '../reading/budget.ts'
import type { Connections } from './connections.ts'
import { Deadline, type Timed } from './deadline.ts'
import { Exchange, type Post, type Receiver, type Slots } from './send.ts'

/** How soon a lane that may not act looks again. */
const GATE_MS = 100

/** The same for all lanes of a process. */
export interface LaneBounds {
  /** Requests of one lane under way at once. */
  readonly limit: number
  /** Bound on a reply that is kept. */
  readonly replyBytes: number
  /** What replies are counted in while they are read. */
  readonly budget: Budget
  /** False while nothing may be sent. */
  mayAct(): boolean
}

/** What the lanes to one origin share. */
export interface LaneHost {
  readonly bounds: LaneBounds
  pool(): Connections
  /** A lane is closed, and nothing of it is under way. */
  left(): void
}

/** What a lane has while it is in use: there are ten thousand lanes, and most of them have nothing to send. */
class Traffic {
  readonly waiting: Exchange[] = []
  readonly line = new Set<InLine>()
  /** Timers to be used again: making one costs more than setting it anew. */
  readonly timers: Deadline[] = []
  gate: NodeJS.Timeout | undefined
}

/**
 * What one Outlet may have under way at one origin at once. Retries beyond it wait in order; then come those in line, in turns.
 *
 *     post ─► room? begin : waiting          released ─► first of waiting, or else first in line: proceed
 *
 * What waited begins only while this process may act: it may have been frozen since, and its partitions be someone else's.
 */
export class Lane implements Slots {
  readonly #host: LaneHost
  #busy = 0
  #closed = false
  /** Null before the first request. */
  #traffic: Traffic | null = null

  constructor(host: LaneHost) {
    this.#host = host
  }

  get replyBytes(): number {
    return this.#host.bounds.replyBytes
  }

  get budget(): Budget {
    return this.#host.bounds.budget
  }

  get full(): boolean {
    return this.#busy >= this.#host.bounds.limit
  }

  pool(): Connections {
    return this.#host.pool()
  }

  /** Gets in line, unless it stands there already. */
  line(one: InLine): void {
    if (!this.#closed) this.#inUse.line.add(one)
  }

  post(post: Post, receiver: Receiver): Exchange {
    const exchange = new Exchange(this, post, receiver)
    if (!this.full) this.#start(exchange)
    else this.#inUse.waiting.push(exchange)
    return exchange
  }

  deadline(exchange: Timed, ms: number): Deadline {
    const deadline = this.#inUse.timers.pop() ?? new Deadline()
    deadline.set(exchange, ms)
    return deadline
  }

  released(deadline: Deadline | null): void {
    this.#busy--
    if (deadline !== null) this.#keep(deadline)
    this.#fill()
  }

  /** Takes the connections away once nothing is under way. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { waiting, line, timers } = this.#inUse
    line.clear()
    for (const deadline of timers) deadline.end()
    if (this.#busy === 0 && waiting.length === 0) this.#host.left()
  }

  get #inUse(): Traffic {
    return (this.#traffic ??= new Traffic())
  }

  #fill(): void {
    const traffic = this.#inUse
    const { waiting, line } = traffic
    // who looks now need not look again: once this lane has left there is nothing to be looked at
    clearTimeout(traffic.gate)
    traffic.gate = undefined
    for (let next = waiting[0]; next !== undefined && !this.full; next = waiting[0]) {
      if (!next.cancelled && !this.#host.bounds.mayAct()) return this.#fillLater()
      waiting.shift()
      if (!next.cancelled) this.#start(next)
    }
    for (const one of line) {
      if (this.full) return
      line.delete(one)
      one.proceed()
    }
    if (this.#closed && this.#busy === 0) this.#host.left()
  }

  #fillLater(): void {
    this.#inUse.gate = setTimeout(() => this.#fill(), GATE_MS)
  }

  #keep(deadline: Deadline): void {
    deadline.unset()
    if (this.#closed) deadline.end()
    else this.#inUse.timers.push(deadline)
  }

  #start(exchange: Exchange): void {
    this.#busy++
    exchange.begin()
  }
}
