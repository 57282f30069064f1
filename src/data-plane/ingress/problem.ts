import type { Refusal } from '../wire/refusal.ts'

/** An answer that is not 202: RFC 9457, with what the sender should do in `detail`. */
export interface Problem {
  readonly status: number
  /** CamelCase, stable: for machines. */
  readonly code: string
  readonly title: string
  readonly detail: string
  /** The attribute in question. */
  readonly attribute?: string
  /** Further members of the body. */
  readonly more?: Readonly<Record<string, unknown>>
  /** Further headers: name, value, name, value … */
  readonly headers?: readonly string[]
}

export const problemType = 'application/problem+json'

/** The body of the answer. The type is a tag URI: it names the problem and promises no page. */
export function problemBody(problem: Problem): Buffer {
  const { status, code, title, detail, attribute, more } = problem
  const type = `tag:millrace.dev,2026:problem/${code}`
  return Buffer.from(`${JSON.stringify({ type, title, status, detail, code, attribute, ...more })}\n`)
}

const jsonFormats = 'application/cloudevents+json, application/cloudevents-batch+json'

/** @param url where the message was sent: for an example that can be pasted. */
export function refusalProblem({ status, code, title, detail, attribute, index }: Refusal, url: string): Problem {
  return {
    ...{ status, code, title, detail },
    ...(attribute === undefined ? {} : { attribute }),
    ...(index === undefined ? {} : { more: { index } }),
    ...(code === 'NotACloudEvent' && index === undefined ? { more: { example: example(url) } } : {}),
    ...(code === 'UnsupportedEncoding' ? { headers: ['accept-encoding', 'identity'] } : {}),
    ...(code === 'UnsupportedMediaType' ? { headers: ['accept', jsonFormats] } : {}),
  }
}

/** How plain JSON is sent as an event, for a shell. Quotes are single ones: they survive in the JSON of the answer. */
function example(url: string): string {
  const attributes = ['ce-specversion: 1.0', 'ce-id: 1', 'ce-source: /my/app', 'ce-type: my.type']
  const headers = [...attributes, 'Content-Type: application/json'].map((header) => `-H '${header}'`)
  return `curl -i '${url}' ${headers.join(' ')} -d '<your JSON>'`
}

/** A body of more than `limit` bytes. @param single one event, else a batch. */
export function tooMuch(limit: number, single: boolean): Problem {
  return single ? tooLarge(limit) : batchTooLarge(limit)
}

export function tooLarge(limit: number): Problem {
  return {
    status: 413,
    code: 'EventTooLarge',
    title: 'The event is too large',
    detail: `The body of an event may have at most ${limit} bytes. Store the data elsewhere and send a reference to it.`,
    more: { limit },
  }
}

function batchTooLarge(limit: number): Problem {
  return {
    status: 413,
    code: 'BatchTooLarge',
    title: 'The batch is too large',
    detail: `The body of a batch may have at most ${limit} bytes: send it in parts.`,
    more: { limit },
  }
}

export function tooBusy(detail: string): Problem {
  return { status: 429, code: 'Overloaded', title: 'Too many events at once', detail, headers: ['retry-after', '1'] }
}

/** @param limit bytes that may be under way. */
export function full(limit: number): Problem {
  return tooBusy(`More than ${limit} bytes of events are being stored. This one was not: send it again later.`)
}

export function methodNotAllowed(method: string, allow: string): Problem {
  const post = 'Send CloudEvents with POST to /<namespace>/<broker>.'
  return {
    status: 405,
    code: 'MethodNotAllowed',
    title: 'Method not allowed',
    detail: `${method} is not allowed here, only ${allow}. ${post}`,
    headers: ['allow', allow],
  }
}

/** A request of HTTP/1.1 must say which host it is for (RFC 9112 §3.2). */
export const noHost: Problem = {
  status: 400,
  code: 'MalformedRequest',
  title: 'Malformed request',
  detail: 'The request has no header Host, which HTTP/1.1 wants: send it.',
}

/** No answer: nobody is left to hear it. The status is what others log of it. */
export const senderGone: Problem = {
  status: 499,
  code: 'SenderGone',
  title: 'The sender is gone',
  detail: 'The sender closed the connection before its request was complete: nothing was stored.',
}

/** An Expect that is not `100-continue` (RFC 9110 §10.1.1). */
export const unexpected: Problem = {
  status: 417,
  code: 'ExpectationFailed',
  title: 'Expectation failed',
  detail: 'Only the header Expect: 100-continue is known: send the request with that, or without it.',
}
