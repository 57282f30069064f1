import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { readEvent } from '../data-plane/wire/http-in.ts'
import { SeenEvents, type SeenEvent } from './events.ts'

/** How many events a late joiner still sees. */
const kept = 200
const maxBodyBytes = 16 * 1024 * 1024
/** A page that reads this much slower than events come is let go; its browser joins again by itself. */
const maxBehindBytes = 8 * 1024 * 1024

/** The built-in display: `POST` anywhere takes a CloudEvent, `GET /` is the page, `GET /events` the events as Server-Sent Events. */
export interface Viewer {
  readonly url: string
  close(): Promise<void>
}

/**
 * Listens on `host`:`port` (0: any free port).
 * @throws Error with `code` EADDRINUSE when the port is taken.
 */
export async function createViewer(options: { host: string; port: number; clock: Clock }): Promise<Viewer> {
  const seen = new SeenEvents(kept)
  const page = readFileSync(join(import.meta.dirname, 'page.html'))
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    if (request.method === 'POST') take(request, response, path, seen, options.clock)
    else if (request.method !== 'GET')
      answer(response, 405, 'GET shows events, POST takes them\n', { allow: 'GET, POST' })
    else if (path === '/events') stream(response, seen)
    else if (path === '/') answer(response, 200, page, pageHeaders)
    else answer(response, 404, 'the page is at /\n')
  })
  await listening(server, options)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:",
}

function listening(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
}

function answer(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(body)
}

function take(request: IncomingMessage, response: ServerResponse, path: string, seen: SeenEvents, clock: Clock): void {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
  })
  request.on('end', () => {
    if (size > maxBodyBytes) return answer(response, 413, `the display takes at most ${maxBodyBytes} bytes\n`)
    const event = readEvent(request.rawHeaders, Buffer.concat(chunks))
    if ('status' in event) return answer(response, event.status, `${event.detail}\n`)
    seen.add(event, path, clock.now())
    response.writeHead(200).end()
  })
  request.on('error', () => response.destroy())
}

function stream(response: ServerResponse, seen: SeenEvents): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  const send = (event: SeenEvent) => {
    if (response.writableLength > maxBehindBytes) response.destroy()
    else response.write(`data: ${JSON.stringify(event)}\n\n`)
  }
  response.write('retry: 1000\n\n')
  for (const event of seen.recent) send(event)
  const stop = seen.listen(send)
  response.on('close', stop)
}
