import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Dispatcher as Undici } from 'undici'
import type { Request } from './connections.ts'

/**
 * How a request ended. `cut`: by us, before an answer was complete. `refused`: the server has not looked at it, for example because it closes the
 * connection (RFC 9113 §8.7), so it may be sent again.
 */
export type StreamEnd = 'over' | 'cut' | 'refused'

type AnswerHeaders = Record<string, string | string[] | undefined>

/**
 * One request over HTTP/2 and its answer.
 *
 *     request ─► headers* (1xx) ─► response ─► data* ─► end ─► close ─► complete? onResponseEnd : onResponseError
 *
 * **Complete** is only what the server ended itself (END_STREAM), or what has the length that was stated: a stream that is reset in the midst of
 * a body, whatever the reason given, may have been half of it (RFC 9113 §8.1). A server may answer without reading our body: then the rest of
 * it is not sent.
 */
class H2cStream implements Undici.DispatchController {
  aborted = false
  readonly paused = false
  reason: Error | null = null
  readonly #handler: Undici.DispatchHandler
  readonly #over: (end: StreamEnd) => void
  #stream: ClientHttp2Stream | null = null
  #status = 0
  #stated: number | null = null
  #read = 0
  #ended = false
  /** It came to its end before our body did. */
  #early = false
  /** It could not be written. */
  #unsayable = false
  #error: Error | null = null

  constructor(handler: Undici.DispatchHandler, over: (end: StreamEnd) => void) {
    this.#handler = handler
    this.#over = over
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    this.#stream?.destroy()
  }

  /** Bodies are bounded by who reads them: nothing is paused. */
  pause(): void {}
  resume(): void {}

  begin(session: ClientHttp2Session, request: Request): void {
    this.#handler.onRequestStart?.(this, null)
    if (this.aborted) return queueMicrotask(() => this.#close())
    try {
      this.#follow(session.request(headersOf(request))).end(request.body as Buffer | null | undefined)
    } catch (error) {
      // the session has just ended, or a header cannot be said in HTTP/2
      this.#error = error as Error
      queueMicrotask(() => this.#close())
    }
  }

  /** Tells the handler that there is no connection. */
  refuse(error: Error): void {
    this.#handler.onRequestStart?.(this, null)
    this.#error = error
    queueMicrotask(() => this.#close())
  }

  #follow(stream: ClientHttp2Stream): ClientHttp2Stream {
    this.#stream = stream
    stream.on('continue', () => this.#interim(100, {}))
    stream.on('headers', (headers) => this.#interim(Number(headers[':status']), headers))
    stream.on('response', (headers) => this.#response(headers))
    stream.on('data', (chunk: Buffer) => {
      this.#read += chunk.length
      if (!this.aborted) this.#handler.onResponseData?.(this, chunk)
    })
    stream.on('end', () => this.#end(stream))
    stream.on('frameError', (_, code) => {
      // else the connection ends
      if (code !== constants.NGHTTP2_FRAME_SIZE_ERROR) return
      this.#unsayable = true
      this.#error = new Error('the attributes of the event are too large for HTTP/2')
    })
    stream.on('error', (error: Error) => (this.#error ??= error))
    return stream.on('close', () => this.#close())
  }

  #end(stream: ClientHttp2Stream): void {
    // a stream that was reset is closed already when its data comes to an end
    this.#ended = !stream.closed || stream.endAfterHeaders
    if (stream.closed || stream.writableFinished || (this.#stated !== null && this.#stated !== this.#read)) return
    this.#early = true
    stream.close(constants.NGHTTP2_CANCEL)
  }

  #interim(status: number, headers: AnswerHeaders): void {
    if (!this.aborted) this.#handler.onResponseStart?.(this, status, headers)
  }

  #response({ ':status': status, ...headers }: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.#status = Number(status)
    const length = headers['content-length']
    if (typeof length === 'string' && /^\d+$/.test(length)) this.#stated = Number(length)
    if (!this.aborted) this.#handler.onResponseStart?.(this, this.#status, headers)
  }

  #close(): void {
    const code = this.#stream?.rstCode ?? constants.NGHTTP2_NO_ERROR
    const complete = this.#ended || (this.#stated !== null && this.#stated === this.#read)
    const unbroken = this.#early || (code === constants.NGHTTP2_NO_ERROR && this.#error === null)
    const whole = this.#status >= 200 && complete && unbroken
    const refused = code === constants.NGHTTP2_REFUSED_STREAM && this.#status === 0 && !this.#unsayable
    if (refused && !this.aborted) return this.#over('refused')
    this.#over(this.aborted && !whole ? 'cut' : 'over')
    if (this.aborted) this.#handler.onResponseError?.(this, this.reason ?? new Error('cancelled'))
    else if (whole) this.#handler.onResponseEnd?.(this, {})
    else this.#handler.onResponseError?.(this, this.#error ?? new Error(cutAs(code)))
  }
}

/**
 * Sends a request over an HTTP/2 connection; `handler` hears of its answer.
 * @param over hears of the end once, before `handler` does, which hears nothing of one that was refused.
 */
export function sendOver(
  session: ClientHttp2Session,
  request: Request,
  handler: Undici.DispatchHandler,
  over: (end: StreamEnd) => void,
): void {
  new H2cStream(handler, over).begin(session, request)
}

/** Tells who wanted to send a request that there is no connection, a moment later. */
export function refuse(handler: Undici.DispatchHandler, error: Error): void {
  new H2cStream(handler, () => {}).refuse(error)
}

function headersOf({ path, headers }: Request): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = { ':method': 'POST', ':path': path }
  const flat = headers as readonly string[]
  for (let at = 0; at < flat.length; at += 2) out[flat[at] ?? ''] = flat[at + 1]
  return out
}

function cutAs(code: number): string {
  const name = Object.entries(constants).find(([key, value]) => key.startsWith('NGHTTP2_') && value === code)?.[0]
  return `it broke off its answer (HTTP/2 stream reset: ${name?.replace('NGHTTP2_', '') ?? code})`
}
