import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { readEvent } from '../data-plane/wire/http-in.ts'
import { SeenEvents } from './events.ts'

/** What a late joiner still sees. Less than {@link maxBehindBytes}, or a page could never catch up. */
const kept = { events: 200, bytes: 4 * 1024 * 1024 }
const maxBodyBytes = 16 * 1024 * 1024
/** A page that reads this much slower than events come is let go; its browser joins again by itself. */
const maxBehindBytes = 8 * 1024 * 1024
/** Senders keep a connection over the pauses of somebody who tries things out. */
const idleMs = 60_000

/** The built-in display: `POST` anywhere takes a CloudEvent, `GET /` is the page, `GET /events` the events as Server-Sent Events. */
export interface Viewer {
  readonly url: string
  /** Ends open streams and stops listening. */
  close(): Promise<void>
}

/**
 * Listens on `host`:`port` (0: any free port).
 * @throws Error with `code` EADDRINUSE when the port is taken.
 */
export async function createViewer(options: { host: string; port: number; clock: Clock }): Promise<Viewer> {
  const seen = new SeenEvents(kept)
  const hello = `retry: 1000\nevent: hello\ndata: {"run":${options.clock.now()}}\n\n`
  const page = readFileSync(join(import.meta.dirname, 'page.html'), 'utf8').replaceAll('\r\n', '\n')
  const headers = pageHeaders(page)
  const server = createServer({ keepAliveTimeout: idleMs }, (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    if (request.method === 'POST') take(request, response, path, seen, options.clock)
    else if (request.method !== 'GET')
      answer(response, 405, 'GET shows events, POST takes them\n', { allow: 'GET, POST' })
    else if (path === '/events') stream(response, hello, seen)
    else if (path === '/') answer(response, 200, page, headers)
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

/** Only the script and the style of the page itself may run, known by their hashes: what an event brings stays text, even if it got in as markup. */
function pageHeaders(page: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf('script', page)}`,
    `style-src ${hashOf('style', page)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  }
}

/** Content Security Policy Level 3 §2.3.1: the hash of what stands between the tags. */
function hashOf(tag: 'script' | 'style', page: string): string {
  const content = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(page)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
}

function listening(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
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
    else chunks.length = 0
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

function stream(response: ServerResponse, hello: string, seen: SeenEvents): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  const send = (frame: Buffer) => {
    if (response.destroyed) return
    if (response.writableLength > maxBehindBytes) response.destroy()
    else response.write(frame)
  }
  response.write(hello)
  for (const frame of seen.recent) send(frame)
  response.on('close', seen.listen(send))
}
