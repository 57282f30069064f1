import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { http } from '../../core/node-http.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from './metrics.ts'
import { contentTypes, type Format } from './samples.ts'

/** A connection on which nothing happens ends after so long, milliseconds: longer than the usual minute between two scrapes. */
const idleMs = 65_000

/** Answers a request, at once or later. Must not throw. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse, url: URL) => void

export interface MetricsServer {
  /** `http://host:port`, without a trailing slash. */
  readonly url: string
  /** From now on `handler` answers what is asked for at `path` and below. */
  readonly handle: (path: string, handler: RequestHandler) => void
  close(): Promise<void>
}

export interface MetricsServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly metrics: Metrics
  readonly logger: Logger
}

/**
 * Answers GET /metrics: OpenMetrics 1.0 to who asks for it, else the text format 0.0.4 of Prometheus; and what else it is given handlers for.
 * @throws the system's error when the address is in use or not ours.
 */
export async function serveMetrics({ host, port, metrics, logger }: MetricsServerOptions): Promise<MetricsServer> {
  const handlers = new Map<string, RequestHandler>()
  const server = http.createServer({ requestTimeout: 10_000, maxHeaderSize: 8 * 1024 }, (request, response) => {
    const other = otherOf(handlers, request)
    if (other !== null) return other.handler(request, response, other.url)
    respond(metrics, request, response).catch((error: unknown) => {
      logger.error({ err: error }, 'the metrics could not be told')
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { 'content-type': 'text/plain' }).end('the log says why\n')
    })
  })
  // a page costs memory as long as it is under way: not for many at once, nor for who does not fetch it
  server.maxConnections = 16
  server.setTimeout(idleMs)
  server.listen(port, host)
  // rejects with the error of the server when that comes first
  await once(server, 'listening')
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    handle: (path, handler) => void handlers.set(path, handler),
    close,
  }
}

function otherOf(
  handlers: ReadonlyMap<string, RequestHandler>,
  { url: asked = '/' }: IncomingMessage,
): { readonly handler: RequestHandler; readonly url: URL } | null {
  // the host is of no interest: it only makes a whole URL
  if (handlers.size === 0 || !asked.startsWith('/') || !URL.canParse(`http://host${asked}`)) return null
  const url = new URL(`http://host${asked}`)
  for (const [path, handler] of handlers) {
    if (url.pathname === path || url.pathname.startsWith(`${path}/`)) return { handler, url }
  }
  return null
}

async function respond(metrics: Metrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/', headers } = request
  const path = url.split('?')[0]
  if (path !== '/metrics') return plain(response, 404, 'GET /metrics')
  if (method !== 'GET' && method !== 'HEAD') return plain(response, 405, 'GET /metrics')
  const format: Format = /\bapplication\/openmetrics-text\b/.test(headers.accept ?? '') ? 'openmetrics' : 'text'
  const page = await metrics.page(format)
  const length = page.reduce((sum, part) => sum + part.length, 0)
  response.writeHead(200, { 'content-type': contentTypes[format], 'content-length': length })
  if (method === 'GET') for (const part of page) response.write(part)
  response.end()
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`)
}
