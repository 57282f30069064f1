import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issue, type Issued } from '../../src/control-plane/webhook/issue.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { eventually } from '../support/eventually.ts'
import { embeddedRig, type Rig } from './dispatcher-rig.ts'

const events = 100
const connections = 5
const names = ['localhost']
const trusted = getCACertificates('default')
let issued: Issued
let rig: Rig

beforeAll(async () => {
  issued = await issue(names, clock)
  setDefaultCACertificates([...trusted, issued.ca])
  rig = await embeddedRig()
})

afterAll(async () => {
  setDefaultCACertificates(trusted)
  await rig[Symbol.asyncDispose]()
})

interface TlsSubscriber extends AsyncDisposable {
  readonly url: string
  /** `1.1` or `2.0`, of each request. */
  readonly versions: string[]
  readonly ids: string[]
  connections: number
}

/** HTTP/2, and HTTP/1.1 where `h1` says so. */
async function startTls({ h1 }: { h1: boolean }): Promise<TlsSubscriber> {
  const { cert, key } = issued.serving
  const server = createSecureServer({ cert, key, allowHTTP1: h1 })
  const sockets = new Set<Socket>()
  const self: TlsSubscriber = {
    url: '',
    versions: [],
    ids: [],
    connections: 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  server.on('secureConnection', () => self.connections++)
  server.on('sessionError', () => {})
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('request', (request, response) => {
    request.resume()
    request.on('end', () => {
      self.versions.push(request.httpVersion)
      self.ids.push(String(request.headers['ce-id']))
      response.writeHead(200, { 'ce-specversion': '1.0', 'ce-id': 'r', 'ce-type': 'reply', 'ce-source': '/tls' })
      response.end('yes')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(self, { url: `https://localhost:${(server.address() as AddressInfo).port}` })
}

let outlets = 0

/** Delivers some events to it. */
async function deliver(url: string): Promise<{ delivered: number; parked: number; replies: number }> {
  const uid = `tls${++outlets}`
  const delivery = { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 20_000 } as const
  const replyTopic = `replies-${uid}`
  await rig.admin.ensureTopic({ name: replyTopic, partitions: 1, replicationFactor: 1, config: {} })
  const parking = { topic: `parked-${uid}`, partitions: 1, replicationFactor: 1 }
  const runner = rig.run([rig.outlet(url, { uid, delivery, parking, replyTopic, start: 'latest' })], { connections })
  await rig.consuming(runner, uid)
  await rig.send(events, { data: Buffer.alloc(3000) })
  const end = await eventually('all have found their end', () => {
    const [one] = runner.dispatcher.snapshot().outlets
    return one !== undefined && one.delivered + one.parked >= events ? one : null
  })
  const replies = (await rig.records(replyTopic)).length
  await runner.close()
  return { delivered: end.delivered, parked: end.parked, replies }
}

test('a subscriber with TLS gets HTTP/1.1, on few connections that are kept, and its replies come back', async () => {
  await using subscriber = await startTls({ h1: true })
  expect(await deliver(subscriber.url)).toMatchObject({ delivered: events, parked: 0, replies: events })
  expect(new Set(subscriber.versions)).toEqual(new Set(['1.1']))
  expect(new Set(subscriber.ids).size).toBe(events)
  // a connection rests for a turn of the event loop before it is used again: at worst there is a second one for each
  expect(subscriber.connections).toBeLessThanOrEqual(2 * connections)
})

test('a subscriber that speaks HTTP/2 alone gets nothing, and the events are parked', async () => {
  await using subscriber = await startTls({ h1: false })
  expect(await deliver(subscriber.url)).toMatchObject({ delivered: 0, parked: events })
  expect(subscriber.ids).toEqual([])
})

test('a subscriber whose certificate nobody trusts gets nothing, and the events are parked', async () => {
  setDefaultCACertificates(trusted)
  try {
    await using subscriber = await startTls({ h1: true })
    expect(await deliver(subscriber.url)).toMatchObject({ delivered: 0, parked: events })
    expect(subscriber.ids).toEqual([])
  } finally {
    setDefaultCACertificates([...trusted, issued.ca])
  }
})
