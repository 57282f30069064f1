import type { Dispatcher as Undici } from 'undici'
import { claimsEvent } from '../../wire/reply.ts'
import type { Budget } from '../reading/budget.ts'
import type { Connections } from './connections.ts'
import type { Deadline, Timed } from './deadline.ts'

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
/** Interim answers (1xx) mean nothing here; whoever sends more of them than this never comes to an end. */
const MOST_INTERIM = 100
const nothing = Buffer.alloc(0)

/** Where an exchange has its slot, its time and its connection from. */
export interface Slots {
  /** On reading a reply: what is kept of it at most. */
  readonly replyBytes: number
  readonly budget: Budget
  /** To be asked for with each request: they come and go. */
  pool(): Connections
  /** An exchange begins: its time runs. */
  deadline(exchange: Timed, ms: number): Deadline
  /** An exchange gives its slot back. */
  released(deadline: Deadline | null): void
}

/**
 * One request and its answer; it is undici's handler itself, so that a delivery costs one object.
 *
 *     begin ─► onRequestStart ─► onResponseStart ─► onResponseData* ─► onResponseEnd ─► answered
 *       │                                             ├─ more than is read ─► answered, abort
 *       │                                             └─ memory for replies is used up ─► failed, abort
 *       └─ timer ─► failed, abort ─────────────────────────────────► onResponseError ─► failed
 */
export class Exchange implements Undici.DispatchHandler, Timed {
  cancelled = false
  /** It has its slot: bytes may be under way. */
  begun = false
  readonly #slots: Slots
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

  constructor(slots: Slots, post: Post, receiver: Receiver) {
    this.#slots = slots
    this.#post = post
    this.#receiver = receiver
  }

  begin(): void {
    const post = this.#post
    if (post === null) return
    this.#post = null
    this.begun = true
    this.#deadline = this.#slots.deadline(this, post.timeoutMs)
    this.#dispatching = true
    this.#slots.pool().dispatch({ path: post.path, method: 'POST', headers: post.headers, body: post.body }, this)
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
    this.#keep = status < 300 && claimsEvent(headers) ? this.#slots.replyBytes : ERROR_BYTES
  }

  onResponseData(_: Undici.DispatchController, chunk: Buffer): void {
    const room = this.#keep - this.#kept
    this.#read += chunk.length
    if (room > 0) this.#keepOf(chunk.subarray(0, room))
    if (this.#read > this.#slots.replyBytes) return this.#enough()
    const crowded = this.#kept > ERROR_BYTES && this.#slots.budget.crowded(this.#kept)
    if (crowded) this.#giveUp(new Error('no memory was left for so large a reply'))
  }

  #keepOf(part: Buffer): void {
    this.#kept += part.length
    this.#slots.budget.takeReply(part.length)
    this.#chunks ??= []
    // a copy: the chunk is a slice of what the socket read
    this.#chunks.push(Buffer.from(part))
  }

  /** What was kept of the answer is the receiver's now, or nobody's. */
  #letGo(): void {
    this.#chunks = null
    if (this.#kept > 0) this.#slots.budget.giveReply(this.#kept)
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
    this.#slots.released(this.#deadline)
    return receiver
  }
}
