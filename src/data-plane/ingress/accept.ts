import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Inlet } from '../../contract/inlet.ts'
import type { Appender } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { readEvent } from '../wire/http-in.ts'
import { toRecord } from '../wire/record.ts'
import { Refusal } from '../wire/refusal.ts'
import { Budget } from './budget.ts'
import { faultProblem } from './faults.ts'
import type { Limits } from './options.ts'
import { refusalProblem, tooBusy, tooLarge, type Problem } from './problem.ts'
import { respondAccepted, respondProblem, respondUnread } from './respond.ts'
import type { Routes } from './routes.ts'

/** What a request costs in memory beside its body: head, attributes, record, promises. Counted with it. */
const overheadBytes = 4096
const nothing = Buffer.alloc(0)

/** What all requests share. */
export class Shared {
  readonly routes: Routes
  readonly appenderOf: (inlet: Inlet) => Appender
  readonly logger: Logger
  readonly limits: Limits
  readonly budget: Budget
  /** Open connections. */
  readonly sockets = new Set<Socket>()
  /** From now on every answer ends its connection. */
  draining = false

  constructor(routes: Routes, appenderOf: (inlet: Inlet) => Appender, logger: Logger, limits: Limits) {
    this.routes = routes
    this.appenderOf = appenderOf
    this.logger = logger
    this.limits = limits
    this.budget = new Budget(limits.maxBytesInFlight)
  }
}

/**
 * Takes one POST. 202 only once the log has acknowledged.
 *
 *     path ─► Inlet ─► length known: room for it? ─► body ─► event ─► record ─► append ─► 202
 *       404            413 · 429                      413 · 429   400 · 415         413 · 429 · 503
 */
export function accept(shared: Shared, req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? '/'
  const inlet = shared.routes.find(url)
  if (inlet === undefined) {
    respondUnread(req, res, shared.routes.notFound(url, 'POST'), shared.draining)
    return
  }
  const length = Number(req.headers['content-length'] ?? 0)
  if (length > shared.limits.maxEventBytes) {
    respondUnread(req, res, tooLarge(shared.limits.maxEventBytes), shared.draining)
    return
  }
  if (!shared.budget.take(length + overheadBytes)) {
    respondUnread(req, res, full(shared), shared.draining)
    return
  }
  new Exchange(shared, inlet, req, res, length).read()
}

function full(shared: Shared): Problem {
  return tooBusy(
    `More than ${shared.budget.limit} bytes of events are being stored. This one was not: send it again later.`,
  )
}

/** One request from its first body byte to its answer. */
class Exchange {
  readonly #shared: Shared
  readonly #inlet: Inlet
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  /** Of the body, as announced; 0 when it comes in chunks of unknown sum. */
  readonly #length: number
  #held: number
  #body: Buffer = nothing
  #filled = 0
  #answered = false

  constructor(shared: Shared, inlet: Inlet, req: IncomingMessage, res: ServerResponse, length: number) {
    this.#shared = shared
    this.#inlet = inlet
    this.#req = req
    this.#res = res
    this.#length = length
    this.#held = length + overheadBytes
  }

  read(): void {
    this.#req.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#req.on('end', () => this.#append())
    this.#req.on('close', () => {
      // gone before its end: nobody to answer
      if (!this.#req.complete) this.#settle()
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
    const larger = Buffer.allocUnsafeSlow(
      Math.max(this.#length, Math.min(needed * 2, this.#shared.limits.maxEventBytes), needed),
    )
    this.#body.copy(larger, 0, 0, this.#filled)
    chunk.copy(larger, this.#filled)
    this.#body = larger
  }

  #checkChunked(added: number): void {
    const { limits, budget } = this.#shared
    if (this.#filled > limits.maxEventBytes) return this.#cut(tooLarge(limits.maxEventBytes))
    // growing doubles: count what is allocated at most
    if (!budget.take(added * 2)) return this.#cut(full(this.#shared))
    this.#held += added * 2
  }

  #cut(problem: Problem): void {
    if (!this.#settle()) return
    this.#body = nothing
    respondUnread(this.#req, this.#res, problem, this.#shared.draining)
  }

  #append(): void {
    if (this.#answered) return
    const body = this.#body.length === this.#filled ? this.#body : this.#body.subarray(0, this.#filled)
    const event = readEvent(this.#req.rawHeaders, body)
    if (event instanceof Refusal) return this.#answer(refusalProblem(event))
    try {
      const appender = this.#shared.appenderOf(this.#inlet)
      appender.append(toRecord(event, this.#inlet.topic)).then(
        () => this.#answer(null),
        (error: unknown) => this.#failed(error),
      )
    } catch (error) {
      this.#failed(error)
    }
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
    if (problem === null) respondAccepted(this.#res, this.#shared.draining)
    else respondProblem(this.#res, problem, this.#shared.draining)
  }

  /** Gives the bytes back. @returns false when that was done before: there is nothing left to answer. */
  #settle(): boolean {
    if (this.#answered) return false
    this.#answered = true
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
