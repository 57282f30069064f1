import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { Origins } from '../../src/data-plane/dispatcher/delivering/origins.ts'
import type { Lane } from '../../src/data-plane/dispatcher/delivering/lane.ts'
import type { Answer } from '../../src/data-plane/dispatcher/delivering/send.ts'
import { Budget } from '../../src/data-plane/dispatcher/reading/budget.ts'

/** What a test has opened. */
export const closers: (() => Promise<unknown> | void)[] = []

/** To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close()
}

/** @returns the URL. */
export async function listen(server: Server | Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The connections of a dispatcher. */
export function lanes(limit = 100): Origins {
  const origins = new Origins(limit, 1024 * 1024, () => true, new Budget(64 << 20))
  closers.push(() => origins.close())
  return origins
}

/** Posts and waits for what comes of it. */
export function post(
  lane: Lane,
  path = '/',
  body = Buffer.from('hello'),
  timeoutMs = 60_000,
  headers = ['content-type', 'text/plain', 'ce-id', '1'],
): Promise<Answer | Error> {
  return new Promise((resolve) => {
    lane.post({ path, headers, body, timeoutMs }, { answered: resolve, failed: resolve })
  })
}

/** A server that speaks HTTP/2 without TLS. */
export async function h2c(
  on: (stream: ServerHttp2Stream, path: string, body: Buffer) => void,
  settings = {},
): Promise<{ readonly url: string; readonly sessions: ReadonlySet<ServerHttp2Session> }> {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer({ settings })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => undefined)
  })
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => on(stream, String(headers[':path']), Buffer.concat(chunks)))
  })
  const url = await listen(server)
  closers.push(() => sessions.forEach((session) => session.destroy()))
  return { url, sessions }
}
