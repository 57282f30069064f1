import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Connection } from '@platformatic/kafka'
import { afterEach, expect, test } from 'vitest'
import { block } from '../../../test/support/block.ts'
import { toFault } from './faults.ts'
import { NetworkError, TimeoutError, Writer } from './library.ts'
import { Wire } from './wire.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A peer that we play ourselves. */
async function open(requestTimeoutMs = 5_000) {
  const server = createServer().listen(0, '127.0.0.1')
  closing.push(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const wire = await Wire.open('me', { host: '127.0.0.1', port }, { connectTimeoutMs: 2_000, requestTimeoutMs })
  const [peer] = await accepted
  peer.on('error', () => {})
  const heard: Buffer[] = []
  peer.on('data', (bytes) => heard.push(bytes))
  closing.push(() => wire.close())
  return { wire, peer, heard: () => Buffer.concat(heard) }
}

/** Asks with a number, is answered with one. */
function ask(wire: Wire, question: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const parse: Parameters<Connection['send']>[3] = (_id, _key, _version, reader) => reader.readInt32()
  wire.send(
    77,
    3,
    () => Writer.create().appendInt32(question),
    parse,
    true,
    true,
    (error, answer) => (error ? reject(error) : resolve(answer as number)),
  )
  return promise
}

/** An answer as a broker writes it: size, id, no tags, the number. */
function frame(id: number, answer: number): Buffer {
  const bytes = Buffer.alloc(13)
  bytes.writeInt32BE(9)
  bytes.writeInt32BE(id, 4)
  bytes.writeInt32BE(answer, 9)
  return bytes
}

test('a request is written as Kafka reads it', async () => {
  const { wire, heard } = await open()
  const asked = ask(wire, 5).catch(() => {})
  await expect.poll(() => heard().length).toBe(21)
  // size, key, version, id, client, no tags, body
  expect(heard().toString('hex')).toBe('00000011 004d 0003 00000001 00026d65 00 00000005'.replaceAll(' ', ''))
  await wire.close()
  await asked
})

test('answers find their requests, in whatever pieces they come', async () => {
  const { wire, peer } = await open()
  const asked = [ask(wire, 1), ask(wire, 2), ask(wire, 3)]
  const all = Buffer.concat([frame(2, 20), frame(1, 10), frame(3, 30)])
  for (const byte of all.subarray(0, 20)) {
    peer.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  peer.write(all.subarray(20))
  expect(await Promise.all(asked)).toEqual([10, 20, 30])
})

test('many answers in one piece, one of them larger than many pieces', async () => {
  const { wire, peer } = await open()
  wire.agreed()
  const asked = Array.from({ length: 9 }, (_, i) => ask(wire, i))
  const large = Buffer.alloc(3_000_000)
  frame(2, 20).copy(large)
  large.writeInt32BE(large.length - 4)
  peer.write(Buffer.concat([frame(1, 10), large, ...[3, 4, 5, 6, 7, 8, 9].map((id) => frame(id, id * 10))]))
  expect(await Promise.all(asked)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90])
})

test('a peer that does not answer one request in time is given up, with all that waits for it', async () => {
  const { wire } = await open(150)
  const closed = once(wire, 'close')
  const asked = Array.from({ length: 12 }, (_, i) => ask(wire, i).catch((error: unknown) => error))
  const [first, ...others] = await Promise.all(asked)
  expect(first).toBeInstanceOf(TimeoutError)
  // not one after the other: a thousand of them would take a thousand times as long
  for (const error of others.slice(4)) expect(error).toBeInstanceOf(NetworkError)
  await closed
  expect(wire.isConnected()).toBe(false)
})

test('an answer that came in time counts, however late we come to read it', async () => {
  const { wire, peer } = await open(300)
  const asked = ask(wire, 1)
  peer.write(frame(1, 10))
  // the peer's bytes wait in the socket while we do something else
  block(600)
  expect(await asked).toBe(10)
})

test('at the end of the connection all who wait are told, and those who come later', async () => {
  const { wire, peer } = await open()
  const closed = once(wire, 'close')
  const asked = Array.from({ length: 12 }, (_, i) => ask(wire, i).catch((error: unknown) => error))
  peer.destroy()
  await closed
  for (const error of await Promise.all(asked)) expect(error).toBeInstanceOf(NetworkError)
  expect(wire.isConnected()).toBe(false)
  await expect(ask(wire, 99)).rejects.toBeInstanceOf(NetworkError)
})

test('who waits is told why the connection ended', async () => {
  const { wire, peer } = await open()
  const ended = ask(wire, 1).catch((error: unknown) => error)
  peer.end()
  expect(toFault(await ended, 'asking').message).toBe('asking: Connection closed (the peer ended it)')
  const other = await open()
  const reset = ask(other.wire, 1).catch((error: unknown) => error)
  await expect.poll(() => other.heard().length).toBeGreaterThan(0)
  other.peer.resetAndDestroy()
  expect(toFault(await reset, 'asking').message).toBe('asking: Connection closed (read ECONNRESET)')
})

test('closing is no error, also when the connection is just failing, and may be asked for again', async () => {
  const { wire } = await open()
  const asked = ask(wire, 1)
  wire.socket.destroy(new Error('a write failed'))
  await Promise.all([wire.close(), wire.close(), expect(asked).rejects.toThrow('Connection closed')])
  await wire.close()
})

test('what comes after the end is not listened to', async () => {
  const { wire, peer } = await open()
  const asked = [ask(wire, 1), ask(wire, 2)]
  const outcomes = Promise.allSettled(asked)
  peer.write(Buffer.concat([frame(7, 70), frame(1, 10), frame(2, 20)]))
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

const tlsAlert = '15030300020246'
test.each([
  ['speaks TLS', Buffer.from(tlsAlert, 'hex'), /TLS/],
  ['answers what nobody asked', frame(7, 1), /nobody asked/],
  ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /no Kafka/],
  ['sends zeros', Buffer.alloc(64), /no Kafka/],
  ['sends a frame too short for an id', Buffer.from('000000020000', 'hex'), /no Kafka/],
  ['sends a frame of less than nothing', Buffer.from('ffffffff00000001', 'hex'), /no Kafka/],
  [
    'says that two megabytes are coming before it has shown who it is',
    Buffer.from('0020000000000001', 'hex'),
    /no Kafka/,
  ],
  ['says that two gigabytes are coming', Buffer.from('7fffffff00000001', 'hex'), /no Kafka/],
])('a peer that %s is not waited for, and is told of', async (_, bytes, said) => {
  const { wire, peer } = await open()
  const closed = once(wire, 'close')
  const asked = ask(wire, 1).catch((error: unknown) => error)
  for (const byte of bytes) peer.write(Buffer.from([byte]))
  const error = await asked
  expect(error).toBeInstanceOf(NetworkError)
  expect(toFault(error, 'asking').message).toMatch(said)
  await closed
})

test('a large answer to nobody is refused by its first bytes', async () => {
  const { wire, peer } = await open()
  wire.agreed()
  const asked = ask(wire, 1)
  peer.write(Buffer.from('0100000000000009', 'hex'))
  await expect(asked).rejects.toBeInstanceOf(NetworkError)
})
