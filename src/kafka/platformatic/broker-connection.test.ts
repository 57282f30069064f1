import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { openConnection } from './broker-connection.ts'

it('a broker that takes connections and says nothing is not waited for longer than it takes to connect, or than wanted', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const start = performance.now()
  const slow = openConnection('test', address, { connectTimeoutMs: 400, requestTimeoutMs: 60_000 })
  const givenUp = openConnection('test', address, {
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    signal: AbortSignal.timeout(200),
  })
  await expect(givenUp).rejects.toMatchObject({ code: 'LogUnavailable' })
  await expect(slow).rejects.toMatchObject({ code: 'LogUnavailable', message: expect.stringContaining('versions') })
  expect(performance.now() - start).toBeLessThan(3_000)
  for (const socket of sockets) socket.destroy()
  server.close()
})
