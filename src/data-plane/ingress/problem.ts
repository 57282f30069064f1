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
  /** Further headers: name, value, name, value … */
  readonly headers?: readonly string[]
}

export const problemType = 'application/problem+json'

/** The body of the answer. The type is a tag URI: it names the problem and promises no page. */
export function problemBody(problem: Problem): Buffer {
  const { status, code, title, detail, attribute } = problem
  const type = `tag:millrace.dev,2026:problem/${code}`
  return Buffer.from(`${JSON.stringify({ type, title, status, detail, code, attribute })}\n`)
}

export function refusalProblem({ status, code, title, detail, attribute }: Refusal): Problem {
  const headers = code === 'UnsupportedEncoding' ? ['accept-encoding', 'identity'] : []
  return attribute === undefined
    ? { status, code, title, detail, headers }
    : { status, code, title, detail, attribute, headers }
}

export function tooLarge(limit: number): Problem {
  return {
    status: 413,
    code: 'EventTooLarge',
    title: 'The event is too large',
    detail: `The body of an event may have at most ${limit} bytes. Store the data elsewhere and send a reference to it.`,
  }
}

export function tooBusy(detail: string): Problem {
  return { status: 429, code: 'Overloaded', title: 'Too many events at once', detail, headers: ['retry-after', '1'] }
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
