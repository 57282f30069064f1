import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { closeFrame, frame, FrameReader, opcodes } from './frames.ts'
import { createViewer, type Viewer } from './viewer.ts'

const open: Viewer[] = []
afterEach(() => Promise.all(open.splice(0).map((viewer) => viewer.close())))

async function start(token?: string): Promise<Viewer> {
  const viewer = await createViewer({ host: '127.0.0.1', port: 0, clock, token })
  open.push(viewer)
  return viewer
}

const post = (url: string, id: string, body = '{"a":1.0}') =>
  fetch(url, {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-source': '/t',
      'ce-type': 't',
      'content-type': 'application/json',
    },
    body,
  })

/** Node's own client: not a line of ours. */
async function join(url: string): Promise<{ socket: WebSocket; messages: string[]; closed: Promise<number> }> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const messages: string[] = []
  socket.addEventListener('message', ({ data }) => messages.push(String(data)))
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  return { socket, messages, closed }
}

test('as sockeye sends it, each message is a JSON string that holds the event in the JSON format', async () => {
  const { url } = await start()
  const { socket, messages } = await join(`${url}/ws`)
  await post(url, 'one')
  await expect.poll(() => messages.length).toBe(1)
  const once = JSON.parse(messages[0] ?? '') as string
  expect(JSON.parse(once)).toEqual({
    specversion: '1.0',
    id: 'one',
    source: '/t',
    type: 't',
    datacontenttype: 'application/json',
    data: { a: 1 },
  })
  socket.close()
})

test('with format=json a message is the event itself; filters hold here too; large ones come whole', async () => {
  const { url } = await start()
  const { socket, messages } = await join(`${url}/ws?format=json&prefix=id:big`)
  const data = JSON.stringify('x'.repeat(200_000))
  await post(url, 'small')
  await post(url, 'big', data)
  await expect.poll(() => messages.length).toBe(1)
  expect(JSON.parse(messages[0] ?? '')).toMatchObject({ id: 'big', data: JSON.parse(data) })
  socket.close()
})

test('what was there before is not sent: the socket tells what comes', async () => {
  const { url } = await start()
  await post(url, 'before')
  const { socket, messages } = await join(`${url}/ws?format=json`)
  await post(url, 'after')
  await expect.poll(() => messages.length).toBe(1)
  expect(messages[0]).toContain('"id":"after"')
  socket.close()
})

test('both sides can close', async () => {
  const viewer = await start()
  const client = await join(`${viewer.url}/ws`)
  client.socket.close(1000)
  expect(await client.closed).toBe(1000)
  const other = await join(`${viewer.url}/ws`)
  await viewer.close()
  expect([1001, 1006]).toContain(await other.closed)
})

const handshake = (headers: Record<string, string> = {}): string => {
  const all = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET /ws HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A client that says what it wants. */
async function raw(url: string, said: string): Promise<{ socket: Socket; got: () => Buffer; ended: Promise<void> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(said)
  await expect.poll(() => Buffer.concat(chunks).toString('latin1')).toContain('\r\n\r\n')
  return { socket, got: () => Buffer.concat(chunks), ended }
}

test('the handshake is that of RFC 6455 §1.3; others are refused, and pages of others too', async () => {
  const { url } = await start()
  const good = await raw(url, handshake())
  expect(good.got().toString()).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  good.socket.destroy()
  const cases = [
    [{ 'Sec-WebSocket-Version': '8' }, '426'],
    [{ 'Sec-WebSocket-Key': 'short' }, '400'],
    [{ Origin: 'https://evil.example' }, '403'],
    [{ Host: 'evil.example' }, '403'],
  ] as const
  for (const [headers, status] of cases) {
    const { got, ended } = await raw(url, handshake(headers))
    await ended
    expect(got().toString()).toContain(`HTTP/1.1 ${status} `)
  }
})

test('with a token the socket needs it', async () => {
  const { url } = await start('open-sesame')
  const { got, ended } = await raw(url, handshake())
  await ended
  expect(got().toString()).toContain('HTTP/1.1 401 ')
  const client = await join(`${url}/ws?token=open-sesame`)
  client.socket.close()
})

/** As a client writes it: masked. */
function masked(opcode: number, payload: Buffer, first = 0x80): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  const head = payload.length < 126 ? [payload.length | 0x80] : [126 | 0x80, payload.length >> 8, payload.length & 0xff]
  const body = payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))
  return Buffer.concat([Buffer.from([first | opcode, ...head]), mask, body])
}

test('who does not go when told does not hold up the end', async () => {
  const viewer = await start()
  const { socket } = await raw(viewer.url, handshake())
  // It reads that it shall go, and says nothing.
  socket.allowHalfOpen = true
  const began = performance.now()
  await viewer.close()
  socket.destroy()
  expect(performance.now() - began).toBeLessThan(10_000)
})

const afterHead = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)

test('a ping is answered with its own bytes, however it was cut', async () => {
  const { url } = await start()
  const { socket, got } = await raw(url, handshake())
  for (const byte of masked(opcodes.ping, Buffer.from('are you there'))) socket.write(Buffer.from([byte]))
  await expect
    .poll(() => afterHead(got()).toString('hex'))
    .toBe(frame(opcodes.pong, Buffer.from('are you there')).toString('hex'))
  socket.destroy()
})

test.for([
  ['not masked', Buffer.from([0x81, 0x01, 0x61]), 1002],
  ['reserved bits', masked(opcodes.text, Buffer.from('a'), 0xc0), 1002],
  ['an opcode that nobody knows', masked(5, Buffer.from('a')), 1002],
  ['a ping in pieces', masked(opcodes.ping, Buffer.from('a'), 0), 1002],
  ['a ping that is too long', masked(opcodes.ping, Buffer.alloc(126)), 1002],
  ['more than is read', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
] as const)('a frame that is wrong ends it: %s', async ([, bytes, code]) => {
  const { url } = await start()
  const { socket, got, ended } = await raw(url, handshake())
  socket.write(bytes)
  socket.on('end', () => socket.end())
  await ended
  expect(afterHead(got()).toString('hex')).toBe(closeFrame(code).toString('hex'))
})

test('frames of each length are read back as they were written', () => {
  for (const length of [0, 1, 125, 126, 65_535]) {
    const payload = Buffer.alloc(length, 'abc')
    const reader = new FrameReader()
    const bytes = masked(opcodes.binary, payload)
    const half = bytes.length >> 1
    const frames = [reader.read(bytes.subarray(0, half)), reader.read(bytes.subarray(half))].flat()
    expect(frames).toEqual([{ opcode: opcodes.binary, payload }])
  }
})

test('who sends pings and takes no answers does not fill the memory', async () => {
  const { url } = await start()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let got = 0
  let tail = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    got += chunk.length
    tail = Buffer.concat([tail, chunk]).subarray(-400)
  })
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await expect.poll(() => got).toBeGreaterThan(0)
  socket.pause()
  const ping = (payload: string) =>
    Buffer.concat([Buffer.from([0x89, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)])
  const thousand = Buffer.concat(Array<Buffer>(1_000).fill(ping('x'.repeat(125))))
  const sent = 300 * thousand.length
  for (let i = 0; i < 300; i += 1) await new Promise((resolve) => socket.write(thousand, resolve))
  socket.resume()
  // It still answers.
  await expect.poll(() => (socket.write(ping('the last')), tail.includes('the last'))).toBe(true)
  // What the system holds for both of us, and a little of ours.
  expect(got).toBeLessThan(sent / 2)
  socket.destroy()
})
