import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { createKafkaAdmin } from '../../src/kafka/kafkajs.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { faultOf } from './log/subject.ts'

const admin = (bootstrapServers: string) =>
  createKafkaAdmin({ bootstrapServers, clientId: 'test', logger: createLogger('silent') })

// Node warns once a process, so we listen from the start.
const warnings: Error[] = []
process.on('warning', (warning) => warnings.push(warning))

it('administration waits for a Kafka that is away, and does what was asked when it comes', async () => {
  const port = await freePort()
  const waiting = admin(`127.0.0.1:${port}`)
  const spec = { name: uniqueTopic(), partitions: 1, replicationFactor: 1, config: {} }
  const created = waiting.ensureTopic(spec)
  const early = await Promise.race([created, new Promise((resolve) => setTimeout(resolve, 700, 'waits'))])
  expect(early).toBe('waits')
  const door = await openDoor(port)
  expect(await created).toBe('created')
  await waiting.close()
  await door.close()
})

it('administration of a Kafka that is away stops when its signal aborts, or when it is closed', async () => {
  const away = admin(`127.0.0.1:${await freePort()}`)
  const reason = new Error('enough')
  const signal = new AbortController()
  const asked = away.describeTopics(['any'], signal.signal)
  setTimeout(() => signal.abort(reason), 200)
  await expect(asked).rejects.toBe(reason)
  const other = faultOf(away.describeGroup('any'))
  await away.close()
  expect((await other).code).toBe('Closed')
})

it('administration of a Kafka that is away says at a timeout of the caller what is wrong', async () => {
  const port = await freePort()
  const away = admin(`127.0.0.1:${port}`)
  const fault = await faultOf(away.describeTopics(['any'], AbortSignal.timeout(500)))
  expect(fault.code).toBe('LogUnavailable')
  expect(fault.message).toMatch(new RegExp(`127.0.0.1:${port}.*\\.$`))
  await away.close()
})

it('administration is closed soon, also when the broker that it asks hangs', async () => {
  await using silence = createServer().listen(0, '127.0.0.1')
  const heard = once(silence, 'connection') as Promise<[Socket]>
  await once(silence, 'listening')
  const hanging = admin(`127.0.0.1:${(silence.address() as AddressInfo).port}`)
  const asked = faultOf(hanging.describeGroup('any'))
  const [socket] = await heard
  const start = performance.now()
  await hanging.close()
  expect(performance.now() - start).toBeLessThan(3_000)
  expect((await asked).code).toBe('Closed')
  socket.destroy()
})

it('administration makes Node complain about nothing', async () => {
  const quiet = admin(kafkaBootstrap())
  expect(await quiet.describeTopics([uniqueTopic()])).toEqual([])
  await quiet.close()
  expect(warnings).toEqual([])
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Lets through to the real Kafka what comes to a port. */
async function openDoor(port: number): Promise<{ close(): Promise<void> }> {
  const [host, target] = kafkaBootstrap().split(',')[0]!.split(':')
  const sockets = new Set<Socket>()
  const server: Server = createServer((inside) => {
    const outside = connect(Number(target), host)
    for (const socket of [inside, outside]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    inside.pipe(outside).pipe(inside)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
