import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Connection } from '@platformatic/kafka'
import { afterEach, expect, test } from 'vitest'
import { NetworkError, TimeoutError, UserError, Writer } from './library.ts'
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

test('an answer that is late harms nobody: the next ones are read', async () => {
  const { wire, peer } = await open(150)
  const late = ask(wire, 1)
  await expect(late).rejects.toBeInstanceOf(TimeoutError)
  await expect(late).rejects.toThrow('Request timed out')
  const next = ask(wire, 2)
  peer.write(Buffer.concat([frame(1, 10), frame(2, 20)]))
  expect(await next).toBe(20)
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

test('a peer that speaks TLS, or answers what nobody asked, is not waited for', async () => {
  const secure = await open()
  const asked = ask(secure.wire, 1)
  secure.peer.write(Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]))
  await expect(asked).rejects.toBeInstanceOf(UserError)
  const strange = await open()
  const other = ask(strange.wire, 1)
  strange.peer.write(frame(7, 1))
  await expect(other).rejects.toBeInstanceOf(NetworkError)
})
