import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { makeCertificate } from '../../test/support/certificates.ts'
import { Fault } from '../core/fault.ts'
import type { Certificates } from './access.ts'
import type { KubeClient, WatchEvent, WatchOptions } from './client.ts'
import { kinds } from './kinds.ts'
import { restClient } from './rest.ts'
import type { TransportOptions } from './transport.ts'

const signal = new AbortController().signal

/** A client of a server that answers as no API server in its right mind would. */
async function talkTo(answer: RequestListener, options: TransportOptions = {}): Promise<KubeClient> {
  const server = createServer(answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const access = { server: `http://127.0.0.1:${port}`, namespace: '' }
  const client = restClient(access, { requestTimeoutMs: 2000, ...options })
  onTestFinished(() => {
    client.close()
    server.close()
    server.closeAllConnections()
  })
  return client
}

async function watched(client: KubeClient, options: Partial<WatchOptions> = {}): Promise<[WatchEvent[], unknown]> {
  const events: WatchEvent[] = []
  const ended = await client
    .watch(kinds.configMap, { resourceVersion: '1', ...options }, (event) => void events.push(event), signal)
    .then(
      () => 'ended',
      (error: unknown) => (error instanceof Fault ? error.code : error),
    )
  return [events, ended]
}

const map = (resourceVersion: string, text: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'b', uid: 'c', resourceVersion },
  data: { text },
})
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`

it('reads events that are larger than any chunk, with characters that chunks cut', async () => {
  const text = '€🎡ж'.repeat(100_000)
  const client = await talkTo((_, response) => {
    const bytes = Buffer.from(line('ADDED', map('2', text)) + line('MODIFIED', map('3', 'short')))
    const send = (at: number): void => {
      if (at >= bytes.length) return void response.end()
      response.write(bytes.subarray(at, at + 70_001), () => setImmediate(send, at + 70_001))
    }
    send(0)
  })
  const [events, ended] = await watched(client)
  expect(events).toEqual([
    { type: 'added', object: map('2', text) },
    { type: 'modified', object: map('3', 'short') },
  ])
  expect(ended).toBe('ended')
})

it.each<[string, string, string]>([
  ['an error of code 410', line('ERROR', { kind: 'Status', code: 410, message: 'too old' }), 'ApiGone'],
  ['an error of code 500', line('ERROR', { kind: 'Status', code: 500, message: 'sorry' }), 'ApiUnavailable'],
  ['an error that says nothing', line('ERROR', {}), 'ApiUnavailable'],
  ['half an event', '{"type":"ADDED","obj', 'ApiUnavailable'],
  ['what is not JSON', '<html>\n', 'ApiUnavailable'],
])('after the events before it, a watch breaks with %s', async (_, trouble, code) => {
  const client = await talkTo((_, response) => void response.end(line('ADDED', map('2', 'x')) + trouble))
  const [events, ended] = await watched(client)
  expect([events.length, ended]).toEqual([1, code])
})

it('asks for bookmarks, and takes them as signs of life', async () => {
  const asked: string[] = []
  const client = await talkTo((request, response) => {
    asked.push(request.url ?? '')
    let sent = 0
    const beat = setInterval(() => {
      sent += 1
      if (sent <= 8) response.write(line('BOOKMARK', { metadata: { resourceVersion: String(sent) } }))
    }, 100)
    request.socket.once('close', () => clearInterval(beat))
  })
  const [events, ended] = await watched(client, { silenceMs: 500 })
  expect(events.map(({ type }) => type)).toEqual(Array.from({ length: 8 }, () => 'bookmark'))
  expect(ended).toBe('ApiUnavailable')
  expect(asked[0]).toContain('allowWatchBookmarks=true')
})

it('says ApiUnavailable for an answer that is not from an API server', async () => {
  const client = await talkTo((_, response) => void response.writeHead(200).end('<html>login</html>'))
  await expect(client.list(kinds.configMap, {}, signal)).rejects.toMatchObject({ code: 'ApiUnavailable' })
  const down = await talkTo((_, response) => void response.writeHead(502).end('bad gateway'))
  await expect(down.list(kinds.configMap, {}, signal)).rejects.toMatchObject({
    code: 'ApiUnavailable',
    message: 'list configmaps: bad gateway',
  })
})

it('gives up an answer that begins and does not end', async () => {
  const client = await talkTo((_, response) => void response.writeHead(200).write('{"items":['))
  await expect(client.list(kinds.configMap, {}, signal)).rejects.toMatchObject({ code: 'ApiUnavailable' })
})

it('keeps its connections, and opens no more than it may', async () => {
  const sockets = new Set<unknown>()
  const client = await talkTo((request, response) => {
    sockets.add(request.socket)
    setTimeout(() => response.end('{"items":[],"metadata":{"resourceVersion":"1"}}'), 2)
  }, { requestTimeoutMs: 60_000 }) // prettier-ignore
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 60 }, () => client.list(kinds.configMap, {}, signal)))
  }
  expect(sockets.size).toBe(32)
})

it('ends a request that waits for a connection when it is told to, when its time is over, and with the client', async () => {
  const answers: (() => void)[] = []
  const client = await talkTo(
    (_, response) => void answers.push(() => response.end('{"items":[],"metadata":{"resourceVersion":"1"}}')),
    { maxConnections: 1, requestTimeoutMs: 3_000 },
  )
  const list = (until: AbortSignal) => client.list(kinds.configMap, {}, until)
  const first = list(signal).catch((error: Fault) => error.code)
  await expect.poll(() => answers.length).toBe(1)
  const start = performance.now()
  await expect(list(AbortSignal.timeout(200))).rejects.toMatchObject({ code: 'Closed' })
  expect(performance.now() - start).toBeLessThan(2_500)
  const late = list(signal)
  answers[0]?.()
  expect(await first).toMatchObject({ resourceVersion: '1' })
  // The connection is free: the next one in the queue has it, not the one that has ended.
  await expect.poll(() => answers.length).toBe(2)
  // so that its time is not over together with that of the one before it
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const waiting = list(signal)
  await expect(late).rejects.toMatchObject({ code: 'ApiUnavailable' })
  void waiting.catch(() => undefined)
  await expect.poll(() => answers.length).toBe(3)
  const queued = list(signal)
  client.close()
  await expect(queued).rejects.toMatchObject({ code: 'Closed' })
})

it('stays with the certificates that it has while the next ones cannot be read', async () => {
  let asked = 0
  const server = createServer((_, response) => void response.writeHead(401).end(String(++asked)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const next = [{ ca: 'next' }]
  const certificates = async (): Promise<Certificates> => next.pop() ?? Promise.reject(new Error('the disk is away'))
  const { port } = server.address() as AddressInfo
  const client = restClient({ server: `http://127.0.0.1:${port}`, namespace: '', certificates })
  onTestFinished(() => {
    client.close()
    server.close()
  })
  for (const tries of [2, 3]) {
    await expect(client.list(kinds.configMap, {}, signal)).rejects.toMatchObject({ details: { status: 401 } })
    expect(asked).toBe(tries)
  }
})

it('says that a certificate or a token is none, and takes up the certificate that comes in its place', async () => {
  const { cert, pkcs8: key } = await makeCertificate('us', { now: new Date() })
  const [half, none] = [
    { cert: cert.slice(0, 100), key },
    { server: 'https://127.0.0.1:1', namespace: '' },
  ]
  let now = half
  const clients = [
    restClient({ ...none, ...half, certificates: () => Promise.resolve(now) }),
    restClient({ ...none, token: () => 'a\nb' }),
  ]
  onTestFinished(() => clients.forEach((client) => client.close()))
  for (const client of clients) {
    const message = expect.stringContaining('list configmaps: our certificates or token cannot be used: ') as string
    await expect(client.list(kinds.configMap, {}, signal)).rejects.toMatchObject({ code: 'ApiUnavailable', message })
  }
  now = { cert, key }
  await expect(clients[0]?.list(kinds.configMap, {}, signal)).rejects.toThrow(/ECONNREFUSED/)
})

it('takes no address of a server without its scheme: nobody would know which it means', () => {
  expect(() => restClient({ server: 'localhost:6443', namespace: '' })).toThrow(/is no URL \(https:/)
})

it('says why there is no token, as of a server that cannot be asked', async () => {
  const token = (): Promise<string> => Promise.reject(new Error('the plugin ended with 1\n'))
  const client = restClient({ server: 'http://127.0.0.1:1', namespace: '', token })
  onTestFinished(() => client.close())
  const message = expect.stringMatching(/: no token: the plugin ended with 1$/) as string
  await expect(client.list(kinds.configMap, {}, signal)).rejects.toMatchObject({ code: 'ApiUnavailable', message })
})
