import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { longestTimerMs, retryBackoffMs } from '../../../core/backoff.ts'
import { pause } from '../../../kube/pause.ts'
import { protocolOf } from '../../../kube/service-proxy.ts'
import type { Message } from './messages.ts'
import type { Target } from './target.ts'

/** What came back, or why nothing did. */
export type Answer =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly statusText: string
      readonly headers: IncomingMessage['headers']
      readonly body: Buffer
    }
  | { readonly kind: 'none'; readonly why: string }

/** What became of a request. */
export interface Outcome {
  readonly message: Message
  readonly answer: Answer
  readonly attempts: number
}

/** Longer nobody waits at a terminal, whatever Retry-After says, milliseconds. */
const longestWaitMs = 60_000

/** Sends one request, and again as often as `retry` says when that may help. Never throws. */
export async function post(
  target: Target,
  message: Message,
  { retry, timeoutMs, stop }: { retry: number; timeoutMs: number; stop: AbortSignal },
): Promise<Outcome> {
  for (let attempts = 1; ; attempts += 1) {
    const answer = await once(target, message, timeoutMs, stop)
    if (attempts > retry || stop.aborted || !mayHelp(answer)) return { message, answer, attempts }
    await pause(waitMs(answer, attempts), stop)
  }
}

export function isAccepted(answer: Answer): boolean {
  return answer.kind === 'answer' && answer.status >= 200 && answer.status < 300
}

function mayHelp(answer: Answer): boolean {
  return answer.kind === 'none' || answer.status === 429 || answer.status === 503
}

/** Retry-After is in seconds, or a date (RFC 9110 §10.2.3). */
function waitMs(answer: Answer, attempts: number): number {
  const asked = answer.kind === 'answer' ? answer.headers['retry-after'] : undefined
  if (asked === undefined) return retryBackoffMs(attempts, { baseMs: 200, capMs: longestWaitMs })
  const ms = /^\d+$/.test(asked) ? Number(asked) * 1000 : Date.parse(asked) - Date.now()
  return Math.min(Math.max(ms || 0, 0), longestWaitMs)
}

async function once(target: Target, { headers, body }: Message, timeoutMs: number, stop: AbortSignal): Promise<Answer> {
  const { url, agent } = target
  try {
    const more = Object.entries(await target.headers()).flat()
    const all = [...headers, ...more, 'host', url.host, 'user-agent', 'millrace', 'content-length', String(body.length)]
    const signal = AbortSignal.any([stop, AbortSignal.timeout(Math.min(timeoutMs, longestTimerMs))])
    const options = { method: 'POST', headers: all, signal, ...(agent === undefined ? {} : { agent }) }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = protocolOf(url).request(url, options, resolve)
      request.once('error', reject)
      request.end(body)
    })
    const { statusCode = 0, statusMessage = '' } = response
    return {
      kind: 'answer',
      status: statusCode,
      statusText: statusMessage,
      headers: response.headers,
      body: await buffer(response),
    }
  } catch (error) {
    return { kind: 'none', why: whyNone(error as Error & { code?: string }, url, timeoutMs) }
  }
}

function whyNone({ name, code, message }: Error & { code?: string }, { host }: URL, timeoutMs: number): string {
  if (name === 'TimeoutError') return `${host} did not answer within ${timeoutMs / 1000} s: --timeout waits longer`
  if (name === 'AbortError') return 'stopped'
  if (code === 'ECONNREFUSED') return `nobody listens at ${host}: correct --url, or start what listens there`
  if (code === 'ENOTFOUND') return `there is no host ${host}: correct --url`
  return `connection to ${host}: ${message || (code ?? 'broken')}`
}
