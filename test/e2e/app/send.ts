import { setTimeout as sleep } from 'node:timers/promises'

/** Events to send: `PREFIX-0`, `PREFIX-1` ... as CloudEvents in binary mode. */
export interface Load {
  readonly url: string
  readonly count: number
  /** Events a second, at even distances (default: as fast as `inFlight` allows). */
  readonly rate?: number
  /** Requests at once (default 32). */
  readonly inFlight?: number
  readonly type?: string
  readonly source?: string
  readonly prefix?: string
  readonly data?: unknown
  /**
   * Whether a request that got no answer, because its connection ended, is sent once more, as HTTP lets a client do (RFC 9112, 9.3.1): a
   * server may close a connection that it takes for idle while the next request is on its way.
   */
  readonly resend?: boolean
  /** Headers more, or instead. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What became of them. An event that is not in `refused` was accepted: 2xx was its answer. */
export interface Outcome {
  readonly sent: number
  /** How many got which HTTP status; 0 when there was no answer. */
  readonly statuses: Readonly<Record<string, number>>
  /** How many were sent once more (`resend`); nothing else is sent twice. */
  readonly resent?: number
  /** The ids that were not accepted, in the order they were sent. */
  readonly refused: readonly string[]
  /** Why the first of them was not. */
  readonly reason?: string
}

/** How long one answer may take, milliseconds. */
const patienceMs = 30_000

/** How fetch says that a connection which was there has ended. One that was refused is another matter. */
const connectionEnded = /other side closed|ECONNRESET|EPIPE/

/** Sends a load and resolves when every event has its answer. */
export async function send(load: Load): Promise<Outcome> {
  const statuses: Record<string, number> = {}
  const refused = new Set<number>()
  const idOf = (index: number): string => `${load.prefix ?? 'event'}-${index}`
  let reason: string | undefined
  let resent = 0
  const one = async (index: number): Promise<void> => {
    let { status, text } = await post(load, idOf(index))
    if (load.resend === true && status === 0 && connectionEnded.test(text)) {
      resent += 1
      ;({ status, text } = await post(load, idOf(index)))
    }
    statuses[status] = (statuses[status] ?? 0) + 1
    if (status >= 200 && status < 300) return
    refused.add(index)
    reason ??= `${status} ${text}`
  }
  const running = new Set<Promise<void>>()
  const start = performance.now()
  for (let i = 0; i < load.count; i += 1) {
    const due = load.rate === undefined ? 0 : start + (i * 1000) / load.rate - performance.now()
    if (due > 1) await sleep(due)
    while (running.size >= (load.inFlight ?? 32)) await Promise.race(running)
    const request: Promise<void> = one(i).finally(() => running.delete(request))
    running.add(request)
  }
  await Promise.all(running)
  const ids = [...refused].sort((a, b) => a - b).map(idOf)
  return {
    sent: load.count,
    statuses,
    refused: ids,
    ...(load.resend === true ? { resent } : {}),
    ...(reason === undefined ? {} : { reason }),
  }
}

async function post(load: Load, id: string): Promise<{ status: number; text: string }> {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-type': load.type ?? 'dev.millrace.test',
    'ce-source': load.source ?? '/test/e2e',
    ...load.headers,
  }
  const body = JSON.stringify(load.data ?? { id })
  try {
    const answer = await fetch(load.url, { method: 'POST', headers, body, signal: AbortSignal.timeout(patienceMs) })
    return { status: answer.status, text: await answer.text() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    return { status: 0, text: `${String(error)}${cause}` }
  }
}
