import { millrace } from './millrace.ts'

/** `millrace viewer` as a process of its own, on a free port. */
export async function startViewer(...args: readonly string[]): Promise<AsyncDisposable & { url: string }> {
  const child = millrace('viewer', '--port', '0', ...args)
  const line = await child.line('viewer ')
  return { url: line.slice('viewer '.length), [Symbol.asyncDispose]: () => child.stop() }
}

/** An event in the JSON format. */
export interface SentEvent {
  readonly id: string
  readonly type?: string
  readonly source?: string
  readonly [attribute: string]: unknown
}

/** Sends a batch. @throws Error unless it was taken. */
export async function sendEvents(url: string, events: readonly SentEvent[]): Promise<void> {
  const headers = { 'content-type': 'application/cloudevents-batch+json' }
  const whole = events.map((event) => ({ specversion: '1.0', type: 'order.created', source: '/shop', ...event }))
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(whole) })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}
