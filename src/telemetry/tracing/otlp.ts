import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { http } from '../../core/node-http.ts'
import type { Send, Sent } from './batch.ts'

/** What a collector wants to see of who sends spans. */
export interface CollectorCredentials {
  readonly headers: Readonly<Record<string, string>>
  /** Certificates (PEM) of those who may vouch for the collector; absent: those that Node knows. */
  readonly ca?: string
}

export interface OtlpOptions {
  /** Of the collector's traces: `http://…:4318/v1/traces`. */
  readonly url: string
  /** Asked before each request, so that what is changed is in force at once. May throw. */
  readonly credentials: () => CollectorCredentials
  readonly userAgent: string
}

/** A collector that does not answer within this time is asked again later, milliseconds. */
const answerMs = 10_000
/** An answer says little: what is longer is none, bytes. */
const longestAnswer = 64 * 1024

/**
 * Sends spans by OTLP over HTTP with protobuf.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpSender(options: OtlpOptions): Send & Disposable {
  const secure = options.url.startsWith('https:')
  const settings = { keepAlive: true, maxSockets: 1 }
  const agent = secure ? new HttpsAgent(settings) : new http.Agent(settings)
  const send: Send = async (spans, signal) => {
    try {
      const body = ProtobufTraceSerializer.serializeRequest([...spans] as ReadableSpan[]) ?? new Uint8Array()
      return verdict(await post(options, agent, body, AbortSignal.any([signal, AbortSignal.timeout(answerMs)])))
    } catch (error) {
      return { kind: 'later', reason: `${options.url}: ${reasonOf(error, options.url)}` }
    }
  }
  return Object.assign(send, { [Symbol.dispose]: () => agent.destroy() })
}

interface Answer {
  readonly url: string
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: Buffer
}

function post(
  { url, credentials, userAgent }: OtlpOptions,
  agent: HttpAgent,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Answer> {
  const { headers, ca } = credentials()
  const request = agent instanceof HttpsAgent ? httpsRequest : http.request
  const own = { 'content-type': 'application/x-protobuf', 'content-length': body.length, 'user-agent': userAgent }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      ...{ method: 'POST', agent, signal, headers: { ...headers, ...own } },
      ...(ca === undefined ? {} : { ca }),
    })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      const { statusCode: status = 0, headers } = response
      whole(response).then((body) => resolve({ url, status, retryAfter: headers['retry-after'], body }), reject)
    })
    outgoing.end(body)
  })
}

async function whole(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > longestAnswer) throw new Error('the answer is too long for a collector')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Those after which the same request may be taken, by the specification of OTLP. */
const passing = new Set([429, 502, 503, 504])
const hints: Readonly<Record<number, string>> = {
  401: ': it wants to know who we are; look at the headers that it is sent',
  403: ': it does not let us; look at the headers that it is sent',
  404: ': nothing is there; the path of OTLP is /v1/traces',
}

function verdict({ url, status, retryAfter, body }: Answer): Sent {
  const reason = `${url} answers ${status}${hints[status] ?? ''}`
  if (passing.has(status)) {
    const afterMs = waitOf(retryAfter)
    return { kind: 'later', reason, ...(afterMs === undefined ? {} : { afterMs }) }
  }
  return status >= 200 && status < 300 ? taken(url, body) : { kind: 'refused', reason }
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
  return ms > 0 ? ms : undefined
}

/** An answer that cannot be read is no reason to send anything twice. */
function taken(url: string, body: Buffer): Sent {
  try {
    const { rejectedSpans = 0, errorMessage = '' } =
      ProtobufTraceSerializer.deserializeResponse(body).partialSuccess ?? {}
    return {
      kind: 'taken',
      rejected: rejectedSpans,
      reason: `${url} did not take ${rejectedSpans} spans: ${errorMessage}`,
    }
  } catch {
    return { kind: 'taken', rejected: 0 }
  }
}

const answersLikeGrpc = new Set(['HPE_INVALID_CONSTANT', 'ECONNRESET'])

function reasonOf(error: unknown, url: string): string {
  const { code, name, message } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError' || name === 'AbortError') return 'no answer in time'
  const grpc = answersLikeGrpc.has(code ?? '') && new URL(url).port === '4317'
  return grpc ? 'that is the port of OTLP over gRPC; over HTTP it is usually 4318' : message || (code ?? name)
}
