import type { ClientRequest, IncomingMessage } from 'node:http'
import { Fault } from '../core/fault.ts'

export interface CallOptions {
  /** What is asked, for messages. */
  readonly what: string
  /** Who is asked, for messages. */
  readonly host: string
  /** Until the last byte of the answer is here; later: ApiUnavailable. */
  readonly timeoutMs: number
}

/** One HTTP exchange, from its request to the last byte of the answer, and why it ended early if it did. */
export class Call {
  readonly #request: ClientRequest
  readonly #what: string
  readonly #host: string
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this.end(closedFault(this.#what, this.#signal))
  #timer: NodeJS.Timeout | undefined
  #ended: Fault | undefined
  #rejectHead = (_fault: Fault): void => {}

  constructor(request: ClientRequest, { what, host, timeoutMs }: CallOptions, signal: AbortSignal) {
    this.#request = request
    this.#what = what
    this.#host = host
    this.#signal = signal
    this.#expireAfter(timeoutMs, `no answer from ${host} in ${timeoutMs / 1000} s`)
    request.on('error', () => undefined) // an error after the head comes out of the body too
    signal.addEventListener('abort', this.#onAbort)
    if (signal.aborted) this.#onAbort()
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Ends it with `fault`, unless it has ended. */
  end(fault: Fault): void {
    this.#ended ??= fault
    this.#request.destroy()
    // One that waits for a connection of the pool says nothing when it is destroyed, until there is one.
    this.#rejectHead(this.#ended)
  }

  /** From now on there is no deadline; silence for `ms` ends it, with a fault that says so in `details.silentMs`. */
  silenceEndsAfter(ms: number): void {
    this.#expireAfter(ms, `nothing from ${this.#host} for ${ms / 1000} s`, { silentMs: ms })
  }

  /** @throws Fault */
  async head(): Promise<IncomingMessage> {
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        if (this.#ended !== undefined) return reject(this.#ended)
        this.#rejectHead = reject
        this.#request.once('response', resolve)
        this.#request.once('error', reject)
        this.#request.once('close', () => reject(new Error('closed')))
      })
    } catch (error) {
      throw this.#faultOf(error)
    }
  }

  /** The bytes of the answer as they come. @throws Fault */
  async *body(response: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* response as AsyncIterable<Buffer>
    } catch (error) {
      throw this.#faultOf(error)
    }
    if (this.#ended) throw this.#ended
  }

  /** Silence begins anew. */
  heard(): void {
    this.#timer?.refresh()
  }

  release(): void {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#onAbort)
  }

  #expireAfter(ms: number, text: string, details: Fault['details'] = {}): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(new Fault('ApiUnavailable', `${this.#what}: ${text}`, { details })), ms)
  }

  /** Why it ended, given what the connection threw. */
  #faultOf(cause: unknown): Fault {
    if (this.#ended) return this.#ended
    const { code, message } = cause as { code?: string; message?: string }
    const why = [message, code].find((text) => text !== undefined && text !== '') ?? String(cause)
    return new Fault('ApiUnavailable', `${this.#what}: connection to ${this.#host}: ${why}`, { cause })
  }
}

export function closedFault(what: string, signal?: AbortSignal): Fault {
  return new Fault('Closed', `${what}: stopped`, { cause: signal?.reason })
}
