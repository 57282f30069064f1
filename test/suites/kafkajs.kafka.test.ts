import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { LogAdmin } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { freePort } from '../support/free-ports.ts'
import { faultOf } from './log/subject.ts'

const METADATA = 3

/** Closed with its log. */
function admin(bootstrapServers: string): LogAdmin {
  const log = openKafkaLog({ bootstrapServers, clientId: 'test', clock, logger: createLogger('silent') })
  const opened = log.admin()
  return { ...opened, close: () => opened.close().then(() => log.close()) }
}

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
  const fault = await faultOf(away.describeTopics(['any'], AbortSignal.timeout(1_500)))
  expect(fault.code).toBe('LogUnavailable')
  expect(fault.message).toMatch(new RegExp(`127.0.0.1:${port}.*\\.$`))
  await away.close()
})

it('one Metadata request describes topics, however many they are', async () => {
  const heard: number[] = []
  const door = await openDoor(0, (apiKey) => heard.push(apiKey))
  const asking = admin(`127.0.0.1:${door.port}`)
  const names = Array.from({ length: 40 }, uniqueTopic)
  const made = admin(kafkaBootstrap())
  await Promise.all(names.map((name) => made.ensureTopic({ name, partitions: 1, replicationFactor: 1, config: {} })))
  await asking.describeTopics(names.slice(0, 1))
  heard.length = 0
  const found = await asking.describeTopics([...names, uniqueTopic()])
  expect(new Set(found.map(({ name }) => name))).toEqual(new Set(names))
  expect(heard.filter((key) => key === METADATA)).toHaveLength(1)
  await Promise.all([asking.close(), made.close()])
  await door.close()
})

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
it.skipIf(!hasIpv6)('a Kafka may be named by an IPv6 address', async () => {
  const door = await openDoor(0, () => {}, '::1')
  const named = admin(`[::1]:${door.port}`)
  const spec = { name: uniqueTopic(), partitions: 1, replicationFactor: 1, config: {} }
  expect(await named.ensureTopic(spec)).toBe('created')
  expect(await named.describeTopics([spec.name])).toHaveLength(1)
  await named.close()
  await door.close()
})

it.each([
  ['asks', (hanging: LogAdmin) => hanging.describeGroup('any')],
  ['is to change', (hanging: LogAdmin) => hanging.deleteGroup('any')],
])('administration is closed soon, also when the broker that it %s hangs', async (_, call) => {
  await using silence = createServer().listen(0, '127.0.0.1')
  const heard = once(silence, 'connection') as Promise<[Socket]>
  await once(silence, 'listening')
  const hanging = admin(`127.0.0.1:${(silence.address() as AddressInfo).port}`)
  const asked = faultOf(call(hanging))
  const [socket] = await heard
  const start = performance.now()
  await hanging.close()
  expect(performance.now() - start).toBeLessThan(8_000)
  expect((await asked).code).toBe('Closed')
  socket.destroy()
})

it('administration makes Node complain about nothing', async () => {
  const quiet = admin(kafkaBootstrap())
  expect(await quiet.describeTopics([uniqueTopic()])).toEqual([])
  await quiet.deleteTopic(uniqueTopic())
  await quiet.close()
  expect(warnings).toEqual([])
})

/** Lets through to the real Kafka what comes to a port. `hear`: told the kind of each request. */
async function openDoor(
  port: number,
  hear: (apiKey: number) => void = () => {},
  at = '127.0.0.1',
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const [host, target] = kafkaBootstrap().split(',')[0]!.split(':')
  const sockets = new Set<Socket>()
  const server: Server = createServer((inside) => {
    const outside = connect(Number(target), host)
    for (const socket of [inside, outside]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    inside.on('data', requests(hear))
    inside.pipe(outside).pipe(inside)
  }).listen(port, at)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Takes the bytes of a connection; each request begins with its size and its kind. */
function requests(hear: (apiKey: number) => void): (bytes: Buffer) => void {
  let held = Buffer.alloc(0)
  return (bytes) => {
    held = Buffer.concat([held, bytes])
    for (
      let size = 0;
      held.length >= 6 && held.length >= (size = 4 + held.readInt32BE(0));
      held = held.subarray(size)
    ) {
      hear(held.readInt16BE(4))
    }
  }
}
