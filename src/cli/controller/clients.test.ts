import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { kinds } from '../../kube/kinds.ts'
import { lead } from '../../kube/lease.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { replicaClients, type ReplicaClients } from './clients.ts'

const logger = createLogger('silent')
const timing = { leaseMs: 30_000, renewMs: 200, giveUpMs: 20_000, retryMs: 50 }
const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

/** An API server that keeps one lease, and answers nothing else that it is asked. */
async function busyServer(): Promise<{ clients: ReplicaClients; hanging: () => number; renewals: () => number }> {
  let lease: { metadata: object } | undefined
  let version = 1
  let hanging = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET') {
      const sent = (await json(request)) as { metadata: object }
      lease = { ...sent, metadata: { ...sent.metadata, uid: 'u', resourceVersion: String((version += 1)) } }
    }
    const missing = { kind: 'Status', code: 404, reason: 'NotFound', details: { name: 'l' } }
    response.writeHead(lease === undefined ? 404 : 200).end(JSON.stringify(lease ?? missing))
  }
  const server = createServer((request, response) => {
    if (request.url?.includes('/leases') === true) void answer(request, response)
    else hanging += 1
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const clients = replicaClients({ server: `http://127.0.0.1:${port}`, namespace: 'a' })
  closing.push(() => {
    clients.close()
    server.close()
    server.closeAllConnections()
  })
  return { clients, hanging: () => hanging, renewals: () => version - 1 }
}

test('the one that leads goes on leading, and gives the lease back, however much work waits for an answer', async () => {
  const { clients, hanging, renewals } = await busyServer()
  const stop = new AbortController()
  let led = 0
  const onLeading = async (signal: AbortSignal): Promise<void> => {
    led += 1
    const get = (name: string) => clients.work.get(kinds.broker, { namespace: 'a', name }, new AbortController().signal)
    for (let i = 0; i < 48; i += 1) void get(`b${i}`).catch(() => undefined)
    await once(signal, 'abort')
  }
  const { lease } = clients
  const parts = { client: lease, namespace: 'a', name: 'l', identity: 'us', clock, logger, timing }
  const ended = lead({ ...parts, signal: stop.signal, onLeading })
  await expect.poll(hanging).toBeGreaterThanOrEqual(32)
  const before = renewals()
  await expect.poll(renewals).toBeGreaterThan(before + 3)
  expect(led).toBe(1)
  stop.abort()
  await ended
  const left = await clients.admission.get(kinds.lease, { namespace: 'a', name: 'l' }, AbortSignal.timeout(30_000))
  expect(left?.['spec']).toMatchObject({ holderIdentity: '' })
})
