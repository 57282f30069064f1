import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { Socket } from 'node:net'
import type { Access } from '../../src/kube/access.ts'
import type { ApiAccess } from './api-server.ts'
import { freePort } from './free-ports.ts'

/** Which requests; what is absent matches all. */
export interface Match {
  readonly method?: string
  /** Of path and query: `/outlets\/.*\/status/`, `/watch=true/`. */
  readonly path?: RegExp
}

/** What happens to a request instead of being passed on. */
export type Mishap =
  /** An answer of ours, with a Status object as the API server would send. */
  | {
      readonly status: number
      readonly reason?: string
      readonly message?: string
      readonly retryAfterSeconds?: number
    }
  /** Its connection ends without an answer; `passOn`: but the API server gets it, and does what it asks. */
  | { readonly cut: true; readonly passOn?: boolean }
  /** It is never answered. */
  | { readonly hang: true }

/** A request that came in. */
export interface SeenRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
}

/** A way to an API server on which mishaps can be arranged. Plain HTTP, so that any client can use it without certificates. */
export interface KubeProxy extends AsyncDisposable {
  readonly access: Access
  /** All requests so far, in the order in which they came. */
  readonly seen: readonly SeenRequest[]
  /** From now on it goes so with each request that matches, `times` times (default: until the returned function is called). The newest rule wins. */
  arrange(match: Match, mishap: Mishap, times?: number): () => void
  /** Ends all connections at once. */
  cut(): void
  /** All connections of now become half-open: they stay, and nothing passes any more in either direction. New ones work. */
  forget(): void
  /** Nothing listens any more; all connections end. */
  down(): Promise<void>
  /** Listens again where it was. */
  up(): Promise<void>
}

interface Rule {
  readonly match: Match
  readonly mishap: Mishap
  left: number
}

export async function startKubeProxy(api: ApiAccess): Promise<KubeProxy> {
  const agent = new Agent({ keepAlive: true, ca: api.ca, cert: api.cert, key: api.key })
  const rules: Rule[] = []
  const seen: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const forgotten = new WeakSet<Socket>()

  const handle = (asked: IncomingMessage, answer: ServerResponse): void => {
    const { method = 'GET', url = '/' } = asked
    if (forgotten.has(asked.socket)) return
    seen.push({ method, path: url })
    const rule = rules.findLast(({ match, left }) => left > 0 && matches(match, method, url))
    if (rule) rule.left -= 1
    if (rule === undefined || ('cut' in rule.mishap && rule.mishap.passOn === true)) {
      pass(api, agent, asked, answer, rule ? 'cut' : () => !forgotten.has(asked.socket))
    } else if ('cut' in rule.mishap) asked.socket.destroy()
    else if ('status' in rule.mishap) refuse(rule.mishap, asked, answer)
  }
  const listen = async (port: number): Promise<Server> => {
    const server = createServer({ keepAliveTimeout: 60_000 }, handle)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return server
  }
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const port = await freePort()
  let server = await listen(port)
  const down = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    cut()
    await closed
  }
  return {
    access: { server: `http://127.0.0.1:${port}`, namespace: 'default' },
    seen,
    arrange: (match, mishap, times = Infinity) => {
      const rule: Rule = { match, mishap, left: times }
      rules.push(rule)
      return () => {
        rule.left = 0
      }
    },
    cut,
    forget: () => {
      for (const socket of sockets) forgotten.add(socket)
    },
    down,
    up: async () => {
      if (!server.listening) server = await listen(port)
    },
    [Symbol.asyncDispose]: async () => {
      await down()
      agent.destroy()
    },
  }
}

function matches({ method, path }: Match, asked: string, url: string): boolean {
  return (method === undefined || method === asked) && (path === undefined || path.test(url))
}

function refuse(
  { status, reason, message, retryAfterSeconds }: Extract<Mishap, { status: number }>,
  asked: IncomingMessage,
  answer: ServerResponse,
): void {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason, message }
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  asked.resume()
  answer.writeHead(status, { 'content-type': 'application/json', ...retryAfter }).end(JSON.stringify(body))
}

/** @param flows whether bytes still pass; 'cut': the connection ends instead of the answer */
function pass(
  api: ApiAccess,
  agent: Agent,
  asked: IncomingMessage,
  answer: ServerResponse,
  flows: 'cut' | (() => boolean),
): void {
  const end = (): void => void asked.socket.destroy()
  const { hostname, port } = new URL(api.url)
  const headers = { ...asked.headers, host: `${hostname}:${port}` }
  const onward = request({ hostname, port, agent, headers, method: asked.method, path: asked.url }, (answered) => {
    if (flows === 'cut') return end()
    answer.writeHead(answered.statusCode ?? 502, answered.headers)
    answer.flushHeaders()
    answered.on('data', (bytes) => flows() && answer.write(bytes))
    answered.on('end', () => flows() && answer.end())
    answered.on('error', end)
  })
  onward.on('error', end)
  answer.on('close', () => onward.destroy())
  asked.on('error', () => onward.destroy())
  asked.pipe(onward)
}
