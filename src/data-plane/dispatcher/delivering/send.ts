import type { Dispatcher as Undici } from 'undici'
import { claimsEvent } from '../../wire/reply.ts'
import type { Budget } from '../reading/budget.ts'
import type { Connections } from './connections.ts'
import { Deadline, type Timed } from './deadline.ts'

/** What a subscriber answered. */
export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Of a success that claims to be an event: the body up to the bound. Else its first 1,024 bytes. */
  readonly body: Buffer
  /** It claims to be an event, and was longer than the bound. */
  readonly cut: boolean
}

/** Hears of one request exactly once, never before `post` has returned, and never after `cancel`. */
export interface Receiver {
  answered(answer: Answer): void
  failed(error: Error): void
}

export interface Post {
  readonly path: string
  readonly headers: string[]
  readonly body: Buffer | null
  /** For the whole exchange, from the moment it has a connection slot. */
  readonly timeoutMs: number
}

const ERROR_BYTES = 1024
/** A reply up to this size is read whatever else takes memory. */
const SMALL_REPLY_BYTES = 64 * 1024
/** Interim answers (1xx) mean nothing here; whoever sends more of them than this never comes to an end. */
const MOST_INTERIM = 100
/** How soon a lane that may not act looks again. */
const GATE_MS = 100
const nothing = Buffer.alloc(0)

/** Who waits for room in a {@link Lane}. */
export interface InLine {
  /** There is room: take some of it, and get in line again for more. */
  proceed(): void
}

/**
 * What one Outlet may have under way at one origin at once. Retries beyond it wait in order; then come those in line, in turns.
 *
 *     post ─► room? begin : waiting          released ─► first of waiting, or else first in line: proceed
 *
 * What waited begins only while this process may act: it may have been frozen since, and its partitions be someone else's.
 */
export class Lane {
  /** To be asked for with each request: they come and go. */
  readonly pool: () => Connections
  readonly replyBytes: number
  readonly budget: Budget
  readonly #limit: number
  readonly #mayAct: () => boolean
  readonly #leave: () => void
  readonly #waiting: Exchange[] = []
  readonly #line = new Set<InLine>()
  /** Timers to be used again: making one costs more than setting it anew. */
  readonly #timers: Deadline[] = []
  #busy = 0
  #closed = false
  #gate: NodeJS.Timeout | undefined

  constructor(
    pool: () => Connections,
    bounds: { readonly limit: number; readonly replyBytes: number; readonly budget: Budget },
    mayAct: () => boolean,
    leave: () => void,
  ) {
    this.pool = pool
    this.replyBytes = bounds.replyBytes
    this.budget = bounds.budget
    this.#limit = bounds.limit
    this.#mayAct = mayAct
    this.#leave = leave
  }

  get full(): boolean {
    return this.#busy >= this.#limit
  }

  /** Gets in line, unless it stands there already. */
  line(one: InLine): void {
    if (!this.#closed) this.#line.add(one)
  }

  post(post: Post, receiver: Receiver): Exchange {
    const exchange = new Exchange(this, post, receiver)
    if (!this.full) this.#start(exchange)
    else this.#waiting.push(exchange)
    return exchange
  }

  /** An exchange that begins: its time runs. */
  deadline(exchange: Exchange, ms: number): Deadline {
    const deadline = this.#timers.pop() ?? new Deadline()
    deadline.set(exchange, ms)
    return deadline
  }

  /** An exchange gave its slot back. */
  released(deadline: Deadline | null): void {
    this.#busy--
    if (deadline !== null) this.#keep(deadline)
    this.#fill()
  }

  #fill(): void {
    for (let next = this.#waiting[0]; next !== undefined && !this.full; next = this.#waiting[0]) {
      if (!next.cancelled && !this.#mayAct()) return this.#fillLater()
      this.#waiting.shift()
      if (!next.cancelled) this.#start(next)
    }
    for (const one of this.#line) {
      if (this.full) return
      this.#line.delete(one)
      one.proceed()
    }
    if (this.#closed && this.#busy === 0) this.#leave()
  }

  #fillLater(): void {
    if (this.#gate !== undefined) return
    this.#gate = setTimeout(() => {
      this.#gate = undefined
      this.#fill()
    }, GATE_MS)
  }

  /** Takes the connections away once nothing is under way. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#line.clear()
    for (const deadline of this.#timers) deadline.end()
    if (this.#busy === 0 && this.#waiting.length === 0) this.#leave()
  }

  #keep(deadline: Deadline): void {
    deadline.unset()
    if (this.#closed) deadline.end()
    else this.#timers.push(deadline)
  }

  #start(exchange: Exchange): void {
    this.#busy++
    exchange.begin()
  }
}

/**
 * One request and its answer; it is undici's handler itself, so that a delivery costs one object.
 *
 *     begin ─► onRequestStart ─► onResponseStart ─► onResponseData* ─► onResponseEnd ─► answered
 *       │                                             ├─ more than is read ─► answered, abort
 *       │                                             └─ large, and memory is used up ─► failed, abort
 *       └─ timer ─► failed, abort ─────────────────────────────────► onResponseError ─► failed
 */
export class Exchange implements Undici.DispatchHandler, Timed {
  cancelled = false
  /** It has its slot: bytes may be under way. */
  begun = false
  readonly #lane: Lane
  #post: Post | null
  #receiver: Receiver | null
  #controller: Undici.DispatchController | null = null
  #deadline: Deadline | null = null
  #dispatching = false
  #status = 0
  #headers: Answer['headers'] = {}
  #interim = 0
  #keep = 0
  #chunks: Buffer[] | null = null
  #kept = 0
  #read = 0

  constructor(lane: Lane, post: Post, receiver: Receiver) {
    this.#lane = lane
    this.#post = post
    this.#receiver = receiver
  }

  begin(): void {
    const post = this.#post
    if (post === null) return
    this.#post = null
    this.begun = true
    this.#deadline = this.#lane.deadline(this, post.timeoutMs)
    this.#dispatching = true
    this.#lane.pool().dispatch({ path: post.path, method: 'POST', headers: post.headers, body: post.body }, this)
    this.#dispatching = false
  }

  /** The receiver hears nothing any more; the connection is cut. */
  cancel(error = new Error('cancelled')): void {
    this.cancelled = true
    this.#receiver = null
    this.#post = null
    this.#letGo()
    this.#deadline?.unset()
    this.#controller?.abort(error)
  }

  timedOut(afterMs: number): void {
    this.#giveUp(new Error(`no complete answer within ${afterMs} ms`))
  }

  onRequestStart(controller: Undici.DispatchController): void {
    this.#controller = controller
    if (this.cancelled) controller.abort(new Error('cancelled'))
  }

  onResponseStart(_: Undici.DispatchController, status: number, headers: Answer['headers']): void {
    if (status < 200) {
      if (++this.#interim > MOST_INTERIM) this.#giveUp(new Error(`more than ${MOST_INTERIM} interim answers`))
      return
    }
    this.#status = status
    this.#headers = headers
    this.#keep = status < 300 && claimsEvent(headers) ? this.#lane.replyBytes : ERROR_BYTES
  }

  onResponseData(_: Undici.DispatchController, chunk: Buffer): void {
    const room = this.#keep - this.#kept
    this.#read += chunk.length
    if (room > 0) this.#keepOf(chunk.subarray(0, room))
    if (this.#read > this.#lane.replyBytes) return this.#enough()
    const crowded = this.#kept > SMALL_REPLY_BYTES && this.#lane.budget.full
    if (crowded) this.#giveUp(new Error('no memory was left for so large a reply'))
  }

  #keepOf(part: Buffer): void {
    this.#kept += part.length
    this.#lane.budget.takeInFlight(part.length)
    this.#chunks ??= []
    // a copy: the chunk is a slice of what the socket read
    this.#chunks.push(Buffer.from(part))
  }

  /** What was kept of the answer is the receiver's now, or nobody's. */
  #letGo(): void {
    this.#chunks = null
    if (this.#kept > 0) this.#lane.budget.giveInFlight(this.#kept)
    this.#kept = 0
  }

  onResponseEnd(): void {
    const receiver = this.#end()
    receiver?.answered(this.#answer(false))
  }

  onResponseError(_: Undici.DispatchController | undefined, error: Error): void {
    // never in the midst of what its owner does; a slot that comes back makes others act
    if (this.#dispatching || this.cancelled) return queueMicrotask(() => this.#failed(error))
    this.#failed(error)
  }

  /** The answer is known, and it may go on for ever. */
  #enough(): void {
    const receiver = this.#receiver
    const answer = this.#answer(this.#keep > ERROR_BYTES)
    this.cancel(new Error('the rest of the answer is not read'))
    receiver?.answered(answer)
  }

  #giveUp(error: Error): void {
    const receiver = this.#receiver
    this.cancel(error)
    receiver?.failed(error)
  }

  #answer(cut: boolean): Answer {
    const body = this.#chunks === null ? nothing : Buffer.concat(this.#chunks)
    this.#letGo()
    return { status: this.#status, headers: this.#headers, body, cut }
  }

  #failed(error: Error): void {
    const receiver = this.#end()
    // these end with their head (RFC 9112 §6.3), whatever length it states and whatever comes behind it
    if (this.#status === 204 || this.#status === 304) return receiver?.answered(this.#answer(false))
    this.#letGo()
    receiver?.failed(error)
  }

  #end(): Receiver | null {
    const receiver = this.#receiver
    this.#receiver = null
    // a cancelled one hears of its end only here
    if (receiver === null) this.#letGo()
    this.#lane.released(this.#deadline)
    return receiver
  }
}
