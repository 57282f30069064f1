import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Inlet } from '../../contract/inlet.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { readMessage } from '../wire/http-in.ts'
import { Refusal } from '../wire/refusal.ts'
import { admit, whyNot } from './admit.ts'
import { overheadInBatch, storeBatch } from './batch.ts'
import { faultProblem } from './faults.ts'
import { full, refusalProblem, senderGone, tooMuch, type Problem } from './problem.ts'
import { respondAccepted, respondProblem, respondUnread } from './respond.ts'
import type { Shared } from './shared.ts'
import { brokenBy } from './track.ts'
import type { Witness } from './witness.ts'

const nothing = Buffer.alloc(0)

/** Bytes of a request. */
export interface Size {
  /** Of the body, as announced; 0 when it comes in chunks of unknown sum. */
  readonly length: number
  /** What the body may have at most. */
  readonly limit: number
  /** Taken from the budget already. */
  readonly held: number
}

/** One request from its first body byte to its answer. */
export class Exchange {
  readonly #shared: Shared
  readonly #inlet: Inlet
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #length: number
  readonly #limit: number
  #held: number
  #body: Buffer = nothing
  #filled = 0
  #answered = false
  /** How many events the request carries, as far as it was read. */
  #events = 1
  /** When its head was there; 0: nobody asks. */
  readonly #since: number
  /** Null: nobody remembers, and nobody follows, what becomes of it. */
  readonly #witness: Witness | null

  constructor(shared: Shared, inlet: Inlet, req: IncomingMessage, res: ServerResponse, size: Size) {
    this.#shared = shared
    this.#inlet = inlet
    this.#req = req
    this.#res = res
    this.#length = size.length
    this.#limit = size.limit
    this.#held = size.held
    this.#since = shared.tallies === null ? 0 : shared.clock.monotonic()
    this.#witness = shared.witnesses === null ? null : shared.witnesses.of(req, inlet)
    shared.open++
  }

  read(): void {
    this.#req.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#req.on('end', () => this.#store())
    this.#req.on('close', () => {
      // gone before its end: nobody to answer
      if (this.#req.complete || !this.#settle()) return
      this.#shared.tallies?.refused(this.#inlet, senderGone.code)
      this.#witness?.answered(brokenBy(this.#req.socket) ?? senderGone)
    })
  }

  /** Whole bodies in one chunk, by far the most, are not copied. Others are: a small chunk would keep all that came with it in memory. */
  #take(chunk: Buffer): void {
    if (chunk.length === this.#length) this.#body = chunk
    else if (this.#filled + chunk.length > this.#body.length || this.#filled === 0) this.#grow(chunk)
    else chunk.copy(this.#body, this.#filled)
    this.#filled += chunk.length
    if (this.#length === 0) this.#checkChunked(chunk.length)
  }

  #grow(chunk: Buffer): void {
    const needed = this.#filled + chunk.length
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length, Math.min(needed * 2, this.#limit), needed))
    this.#body.copy(larger, 0, 0, this.#filled)
    chunk.copy(larger, this.#filled)
    this.#body = larger
  }

  #checkChunked(added: number): void {
    const { limits, budget } = this.#shared
    if (this.#filled > this.#limit) return this.#cut(tooMuch(this.#limit, this.#limit === limits.maxEventBytes))
    // growing doubles: count what is allocated at most
    if (!this.#hold(added * 2)) this.#cut(full(budget.limit))
  }

  #hold(bytes: number): boolean {
    if (!this.#shared.budget.take(bytes)) return false
    this.#held += bytes
    return true
  }

  #cut(problem: Problem): void {
    if (!this.#settle()) return
    this.#body = nothing
    this.#tell(problem)
    respondUnread(this.#req, this.#res, problem, this.#shared.draining)
  }

  #store(): void {
    if (this.#answered) return
    const body = this.#body.length === this.#filled ? this.#body : this.#body.subarray(0, this.#filled)
    const read = readMessage(this.#req.rawHeaders, body)
    if (read instanceof Refusal) return this.#unreadable(read)
    if (Array.isArray(read)) return this.#storeBatch(read)
    const witness = this.#witness
    witness?.reads(read)
    const refusal = whyNot(read)
    if (refusal !== null) return this.#refuse(refusal)
    try {
      const appender = this.#shared.appenderOf(this.#inlet)
      const event = witness === null ? read : witness.append(read)
      appender.append(admit(event, this.#inlet.topic, this.#shared.arrivals.header())).then(
        (appended) => {
          witness?.stored(0, appended)
          this.#answer(null)
        },
        (error: unknown) => {
          witness?.unstored(0, error)
          this.#failed(error)
        },
      )
    } catch (error) {
      this.#failed(error)
    }
  }

  #storeBatch(events: readonly CloudEvent[]): void {
    this.#events = events.length
    this.#witness?.readsBatch(events)
    if (!this.#hold(events.length * overheadInBatch)) return this.#answer(full(this.#shared.budget.limit))
    storeBatch(this.#shared, this.#inlet, events, this.#witness).then(
      (outcome) => (outcome instanceof Refusal ? this.#refuse(outcome) : this.#answer(outcome)),
      (error: unknown) => this.#failed(error),
    )
  }

  #unreadable(refusal: Refusal): void {
    if (refusal.names !== undefined) this.#witness?.readsNames(refusal.names())
    this.#refuse(refusal)
  }

  #refuse(refusal: Refusal): void {
    this.#answer(refusalProblem(refusal, this.#url()))
  }

  /** As the sender may write it; the host only when it looks like one. */
  #url(): string {
    const host = this.#req.headers.host ?? ''
    return `http://${/^[\w.:[\]-]+$/.test(host) ? host : '<host>'}${this.#inlet.path}`
  }

  #failed(error: unknown): void {
    const problem = faultProblem(error, this.#inlet)
    if (problem === null) {
      this.#shared.logger.error({ err: error, path: this.#inlet.path }, 'an event could not be appended')
    }
    this.#answer(problem ?? defect)
  }

  #answer(problem: Problem | null): void {
    if (!this.#settle()) return
    this.#tell(problem)
    if (problem === null) respondAccepted(this.#res, this.#shared.draining)
    else respondProblem(this.#res, problem, this.#shared.draining)
  }

  #tell(problem: Problem | null): void {
    this.#witness?.answered(problem)
    const { tallies, clock } = this.#shared
    if (tallies === null) return
    const ms = clock.monotonic() - this.#since
    if (problem === null) tallies.answered(this.#inlet, 202, null, ms, this.#events)
    else tallies.answered(this.#inlet, problem.status, problem.code, ms, this.#events)
  }

  /** Gives the bytes back. @returns false when that was done before: there is nothing left to answer. */
  #settle(): boolean {
    if (this.#answered) return false
    this.#answered = true
    this.#shared.open--
    this.#shared.budget.give(this.#held)
    return true
  }
}

const defect: Problem = {
  status: 500,
  code: 'Internal',
  title: 'Internal error',
  detail:
    'The event could not be stored because of a defect, which was logged. It may be stored: sending it again may repeat it.',
}
