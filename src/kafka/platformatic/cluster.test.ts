import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Cluster } from './cluster.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function open(bootstrapServers: string): Cluster {
  const cluster = new Cluster({
    clientId: 'cluster-test',
    bootstrapServers,
    clock: systemClock,
    logger: createLogger('silent'),
  })
  closing.push(() => cluster.close())
  return cluster
}

/** A server that takes connections and never says a word. */
async function silentServer(): Promise<{ address: string; connections: () => number }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => sockets.length }
}

describe('a cluster that does not answer', () => {
  it('is LogUnavailable at once when nobody listens, for every question, and says where it tried', async () => {
    const cluster = open('127.0.0.1:1')
    const start = performance.now()
    for (const ask of [() => cluster.topic('t'), () => cluster.coordinators(['g']), () => cluster.connect(1)]) {
      await expect(ask()).rejects.toMatchObject({
        code: 'LogUnavailable',
        message: expect.stringContaining('127.0.0.1:1'),
      })
    }
    expect(performance.now() - start).toBeLessThan(4_500)
    expect(cluster.cached('t')).toBeUndefined()
  })

  it('tells since when nobody answers, once all servers were tried, and forgets it with the first answer', async () => {
    const cluster = open('127.0.0.1:1')
    expect(cluster.silence).toBeNull()
    const asked = systemClock.monotonic()
    await cluster.topic('t').catch(() => {})
    const first = cluster.silence
    await cluster.topic('t').catch(() => {})
    const second = cluster.silence
    expect(first?.since).toBeGreaterThanOrEqual(asked)
    expect(second?.since).toBe(first?.since)
    expect(second?.until).toBeGreaterThan(first?.until ?? Infinity)
    expect(second?.fault.message).toContain('127.0.0.1:1')
    cluster.heard()
    expect(cluster.silence).toBeNull()
  })

  it('is LogUnavailable within some seconds when all servers hang; concurrent questions share one connection', async () => {
    const [one, two] = [await silentServer(), await silentServer()]
    const cluster = open(`${one.address},${two.address}`)
    const start = performance.now()
    const asks = ['a', 'b', 'c'].map((name) =>
      expect(cluster.topic(name)).rejects.toMatchObject({ code: 'LogUnavailable' }),
    )
    await Promise.all(asks)
    expect(performance.now() - start).toBeLessThan(9_500)
    expect([one.connections(), two.connections()]).toEqual([1, 1])
  })

  it('is Closed after it was closed, also for who is asking', async () => {
    const { address } = await silentServer()
    const cluster = open(address)
    const asking = expect(cluster.topic('t')).rejects.toMatchObject({ code: 'Closed' })
    await cluster.close()
    await asking
    await expect(cluster.topic('t')).rejects.toMatchObject({ code: 'Closed' })
  })

  it.each(['', 'kafka', 'kafka:', 'kafka:0', 'kafka:99999', ':9092', 'a:1,,b:2', 'a:1;b:2'])(
    'is refused when its servers cannot be read: %j',
    (servers) => {
      expect(() => open(servers)).toThrow(/is not host:port/)
    },
  )
})
