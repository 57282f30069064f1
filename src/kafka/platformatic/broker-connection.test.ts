import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { block } from '../../../test/support/block.ts'
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
  expect(performance.now() - start).toBeLessThan(30_000)
  for (const socket of sockets) socket.destroy()
  server.close()
})

const options = { connectTimeoutMs: 5_000, requestTimeoutMs: 5_000 }
it.each([
  ['nobody listens', { host: '127.0.0.1', port: 1 }, {}, /^connecting to 127\.0\.0\.1:1: .*ECONNREFUSED/],
  ['it has an IPv6 address', { host: '::1', port: 1 }, {}, /^connecting to \[::1\]:1: /],
  ['it told a port that there is not', { host: '127.0.0.1', port: 70_000 }, {}, /^connecting to 127\.0\.0\.1:70000: /],
  ['we gave up', { host: '127.0.0.1', port: 1 }, { signal: AbortSignal.abort() }, /given up/],
])(
  'a broker that cannot be connected to, since %s, is LogUnavailable by its name',
  async (_, address, more, message) => {
    await expect(openConnection('test', address, { ...options, ...more })).rejects.toMatchObject({
      code: 'LogUnavailable',
      message: expect.stringMatching(message),
    })
  },
)

it('an answer that came in time counts, however late we come to read it', async () => {
  const offered = Array.from({ length: 70 }, (_, key) => Buffer.from([0, key, 0, 0, 0, 99, 0]))
  const body = Buffer.concat([Buffer.from([0, 0, offered.length + 1]), ...offered, Buffer.from([0, 0, 0, 0, 0])])
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        const size = Buffer.alloc(4)
        size.writeInt32BE(body.length + 4)
        socket.write(Buffer.concat([size, bytes.subarray(8, 12), body]))
        // the answer waits in the socket while this process does something else
        block(2_500)
      }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const connection = await openConnection('test', address, { ...options, connectTimeoutMs: 2_000 })
  expect(connection.isConnected()).toBe(true)
  await connection.close()
  server.close()
})
