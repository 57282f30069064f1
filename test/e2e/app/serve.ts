import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { send, type Load } from './send.ts'

/** One request that came. */
export interface RecordedRequest {
  /** Milliseconds since 1970. */
  readonly at: number
  /** The pod that got it. */
  readonly pod: string
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How requests are answered from now on. */
export interface Behaviour {
  /** Default 202. */
  readonly status?: number
  readonly delayMs?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** New connections arrive until the network has heard of the end of this pod; so long we go on serving after TERM, milliseconds. */
const lingerMs = 1000

/** How long a try to reach something may take, milliseconds. */
const reachMs = 2000

/**
 *     GET  /healthz       200
 *     GET  /records       what came so far, oldest first: RecordedRequest[]; ?from=N leaves out the first N
 *     GET  /ids           only the ce-id of each
 *     POST /_behaviour    Behaviour, from now on
 *     GET  /_reach        the status of a GET of ?url=URL from this pod, 0 when there is no answer
 *     POST /_send         Load; sends it from this pod and answers with its Outcome
 *     anything else       is recorded, and answered as the Behaviour says: 202 unless told
 */
export function serve(port: number): void {
  const records: RecordedRequest[] = []
  let behaviour = JSON.parse(process.env['BEHAVIOUR'] ?? '{}') as Behaviour
  const own: Record<string, (request: IncomingMessage, url: URL) => Promise<unknown>> = {
    'GET /healthz': () => Promise.resolve('ok'),
    'GET /records': (_, url) => Promise.resolve(records.slice(Number(url.searchParams.get('from') ?? 0))),
    'GET /ids': () => Promise.resolve(records.map(({ headers }) => headers['ce-id'] ?? null)),
    'GET /_reach': (_, url) => reach(url.searchParams.get('url') ?? ''),
    'POST /_behaviour': async (request) => (behaviour = JSON.parse(await text(request)) as Behaviour),
    'POST /_send': async (request) => send(JSON.parse(await text(request)) as Load),
  }
  const record = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request)
    const { method = '', url: path = '', headers } = request
    records.push({ at: Date.now(), pod: hostname(), method, path, headers: headers as Record<string, string>, body })
    const { status = 202, delayMs = 0, headers: more = {}, body: reply } = behaviour
    if (delayMs > 0) await sleep(delayMs)
    response.writeHead(status, more).end(reply)
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://here')
    const answer = own[`${request.method} ${url.pathname}`]
    const done =
      answer === undefined
        ? record(request, response)
        : answer(request, url).then((found) =>
            response.setHeader('content-type', 'application/json').end(JSON.stringify(found)),
          )
    done.catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  server.listen(port, () => console.log(`listening on ${port}`))
  process.on('SIGTERM', () => setTimeout(() => process.exit(0), lingerMs))
}

function reach(url: string): Promise<number> {
  return fetch(url, { signal: AbortSignal.timeout(reachMs) }).then(
    ({ status }) => status,
    () => 0,
  )
}
