import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

/** Numbers of requests (https://kafka.apache.org/protocol.html#protocol_api_keys). */
export const requests = {
  produce: 0,
  metadata: 3,
  saslHandshake: 17,
  apiVersions: 18,
  initProducerId: 22,
  saslAuthenticate: 36,
} as const

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
export const int32 = (value: number): Buffer => hex((value >>> 0).toString(16).padStart(8, '0'))
export const varint = (value: number): Buffer =>
  value < 128 ? Buffer.of(value) : Buffer.concat([Buffer.of((value % 128) + 128), varint(Math.floor(value / 128))])
export const compactString = (text: string): Buffer => Buffer.concat([varint(text.length + 1), Buffer.from(text)])

/** The answer to SaslAuthenticate: all is well for so long. */
export const signedIn = (lifetimeMs: number): Buffer =>
  Buffer.concat([hex('00 0000 00 01 00000000'), int32(lifetimeMs), hex('00')])

/** The answer to Metadata: one broker, one topic with one partition. */
export function metadataOf(port: number, topic: string, partition: number): Buffer {
  const self = Buffer.concat([hex('00000001'), compactString('127.0.0.1'), int32(port), hex('00 00')])
  const only = Buffer.concat([hex('0000'), int32(partition), hex('00000001 00000000 01 01 01 00')])
  const described = Buffer.concat([hex('0000'), compactString(topic), Buffer.alloc(16, 1), hex('00 02'), only])
  return Buffer.concat([hex('00 00000000 02'), self, hex('00 00000001 02'), described, hex('00000000 00 00')])
}

const speaksAll = Array.from({ length: 70 }, (_, key) => Buffer.of(0, key, 0, 0, 0, 99, 0))
const proper: Readonly<Record<number, Buffer>> = {
  [requests.apiVersions]: Buffer.concat([hex('0000'), varint(71), ...speaksAll, hex('00000000 00')]),
  [requests.saslHandshake]: Buffer.concat([hex('0000 00000001 0005'), Buffer.from('PLAIN')]),
  [requests.saslAuthenticate]: signedIn(0),
  [requests.initProducerId]: hex('00 00000000 0000 0000000000000007 0000 00'),
}

/** What follows the id in an answer; null: there is none (yet). */
export type Script = (key: number, request: Buffer, socket: Socket) => Buffer | Promise<Buffer> | null | undefined

export interface ScriptedBroker {
  readonly host: string
  readonly port: number
  /** Connections so far. */
  readonly sockets: readonly Socket[]
  close(): void
}

/** A broker that does as it is told: for what no Kafka does. `undefined` from the script: what is proper. */
export async function scriptedBroker(script: (port: number) => Script): Promise<ScriptedBroker> {
  const sockets: Socket[] = []
  const answer = async (bytes: Buffer, socket: Socket): Promise<void> => {
    const key = bytes.readInt16BE(4)
    const told = script(port)(key, bytes, socket)
    const body = told === undefined ? proper[key] : await told
    if (body) socket.write(Buffer.concat([int32(body.length + 4), bytes.subarray(8, 12), body]))
  }
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    socket.on('data', (bytes: Buffer) => void answer(bytes, socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { host: '127.0.0.1', port, sockets, close }
}
