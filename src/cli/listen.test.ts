import { networkInterfaces } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { MemoryRoutes } from '../contract/memory-routes.ts'
import { systemClock as clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import { createIngress } from '../data-plane/ingress/ingress.ts'
import { createLogger } from '../telemetry/logger.ts'
import { environment } from './flags.ts'
import { everywhere, listenOn } from './listen.ts'
import { dispatcherFlags, ingressFlags } from './worker-flags.ts'
import { startHealth } from './workers/health.ts'

interface Server {
  readonly url: string
  close(deadlineMs: number): Promise<void>
}

const pod = environment({ POD_NAME: 'd-0', POD_UID: 'u-1', POD_NAMESPACE: 'system' })
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1')

const openIngress = (host: string): Promise<Server> =>
  createIngress({
    appender: () => {
      throw new Fault('TopicNotFound', 'there is none')
    },
    ...{ inlets: new MemoryRoutes().inlets, clock, logger: createLogger('silent'), options: { host, port: 0 } },
  })
const openHealth = (host: string): Promise<Server> => startHealth({ host, port: 0, unready: () => null })
const workers = [
  ['ingress', ingressFlags({ kubernetes: true, port: 0 }, pod).host, openIngress],
  ['dispatcher', dispatcherFlags({ kubernetes: true, group: 'g', data: 'd' }, pod).host, openHealth],
] as const

let server: Server | undefined
afterEach(() => server?.close(1_000))

const healthz = async (address: string): Promise<number> =>
  (await fetch(`http://${address}:${new URL(server?.url ?? '').port}/healthz`)).status

test.runIf(hasIpv6).each(workers)('%s in a pod answers on IPv6 and on IPv4', async (_, host, open) => {
  server = await listenOn(host, open)
  expect(await healthz('[::1]')).toBe(200)
  expect(await healthz('127.0.0.1')).toBe(200)
})

test.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])('%s in a pod without IPv6: IPv4 is answered', async (code) => {
  const unsupported = Object.assign(new Error(code), { code })
  server = await listenOn(everywhere, (host) => (host === '::' ? Promise.reject(unsupported) : openHealth(host)))
  expect(await healthz('127.0.0.1')).toBe(200)
})

test('an address that is asked for and is not there is an error, and so is a port that is taken', async () => {
  await expect(listenOn('192.0.2.1', openHealth)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
  server = await listenOn(everywhere, openHealth)
  const port = Number(new URL(server.url).port)
  const again = listenOn(everywhere, (host) => startHealth({ host, port, unready: () => null }))
  await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
