import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IngressRig } from '../../../test/support/ingress-rig.ts'

let rig: IngressRig
beforeAll(async () => {
  rig = await IngressRig.open({ headersTimeoutMs: 2_000, requestTimeoutMs: 2_000 })
})
afterAll(() => rig[Symbol.asyncDispose]())

const head = (more: string): string =>
  `POST /shop/default HTTP/1.1\r\nHost: x\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n${more}\r\n`
const plain = `${head('Content-Length: 4\r\n')}data`
const chunked = `${head('Transfer-Encoding: chunked\r\n')}4\r\ndata\r\n0\r\n\r\n`
const json = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1,2]}}'
const inJson = (type: string, body: string): string =>
  `POST /shop/default HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const structured = inJson('application/cloudevents+json', json)
const batch = inJson('application/cloudevents-batch+json', `[${json},${json}]`)

/** Says all bytes, then closes its half. @returns the statuses that were heard until the ingress closed the other. */
function say(bytes: Buffer): Promise<number[]> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(rig.ingress.port, '127.0.0.1', () => socket.end(bytes))
    socket.setEncoding('latin1').on('data', (chunk: string) => (heard += chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve([...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))))
  })
}

const isClientsFault = (status: number): boolean => status >= 400 && status < 500
const takesEvents = async (): Promise<void> => expect((await rig.send('/shop/default')).status).toBe(202)

const anyRequest = fc.constantFrom(plain, chunked, structured, batch).map((text) => Buffer.from(text, 'latin1'))
const anyByte = fc.oneof(fc.constantFrom(0, 9, 10, 13, 32, 34, 37, 58, 127, 128, 255), fc.integer({ min: 0, max: 255 }))

describe('whatever is sent, the ingress answers with 4xx and goes on:', () => {
  it('a request that ends anywhere before its end', async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, fc.double({ min: 0, max: 1, noNaN: true }), async (bytes, at) => {
        const cut = bytes.subarray(0, Math.max(1, Math.floor(at * (bytes.length - 1))))
        const statuses = await say(cut)
        expect(statuses).toHaveLength(1)
        expect(statuses.every(isClientsFault)).toBe(true)
      }),
      { numRuns: 60 },
    )
    await takesEvents()
  })

  it('bytes changed, anywhere in a request: it is taken or refused, never both, and never our fault', async () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: 2_000 }), anyByte), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(anyRequest, edits, async (bytes, changes) => {
        const changed = Buffer.from(bytes)
        for (const [at, byte] of changes) changed[at % changed.length] = byte
        for (const status of await say(changed))
          expect(status === 202 || status === 200 || isClientsFault(status)).toBe(true)
      }),
      { numRuns: 200 },
    )
    await takesEvents()
  })

  it('garbage behind a good request on the same connection: the good one is taken, the rest is refused', async () => {
    const garbage = fc
      .uint8Array({ minLength: 1, maxLength: 200 })
      .filter((bytes) => bytes.some((byte) => byte !== 10 && byte !== 13))
    await fc.assert(
      fc.asyncProperty(anyRequest, garbage, async (bytes, more) => {
        const statuses = await say(Buffer.concat([bytes, more]))
        expect(statuses[0]).toBe(202)
        // a sender that has closed its half may find the connection ended with its first answer
        expect(statuses.slice(1).every(isClientsFault)).toBe(true)
      }),
      { numRuns: 60 },
    )
    await takesEvents()
  })

  it('any text after valid headers as JSON', async () => {
    const type = fc.constantFrom('application/cloudevents+json', 'application/cloudevents-batch+json')
    await fc.assert(
      fc.asyncProperty(type, fc.uint8Array({ maxLength: 300 }), async (media, body) => {
        const answer = await rig.send('/shop/default', { 'content-type': media }, Buffer.from(body))
        expect(isClientsFault(answer.status)).toBe(true)
      }),
      { numRuns: 60 },
    )
    await takesEvents()
  })

  it.each([
    ['a null byte in a header', head('ce-x: a\0b\r\nContent-Length: 0\r\n'), [400]],
    ['a null byte in the path', plain.replace('/shop/default', '/shop/de\0fault'), [400]],
    ['a line feed without a carriage return between headers that are not', head('ce-x: a\n: b\r\n'), [400]],
    ['a header of 1 MB', head(`ce-x: ${'x'.repeat(1_000_000)}\r\n`), [431]],
    ['10,000 headers', head('a: b\r\n'.repeat(10_000)), [431]],
    ['a chunk whose length is negative', chunked.replace('4\r\n', '-4\r\n'), [400]],
    ['a chunk that is longer than it says', chunked.replace('4\r\n', '2\r\n'), [400]],
    ['a chunk length beyond all numbers', chunked.replace('4\r\n', `${'f'.repeat(40)}\r\n`), [400]],
    ['two lengths', head('Content-Length: 4\r\nContent-Length: 5\r\n') + 'data', [400]],
    ['a negative length', head('Content-Length: -1\r\n'), [400]],
    ['a length beyond all numbers', head(`Content-Length: ${'9'.repeat(40)}\r\n`), [400]],
    ['HTTP/0.9', 'GET /shop/default\r\n\r\n', [405]],
    ['HTTP/3.0', plain.replace('HTTP/1.1', 'HTTP/3.0'), [400]],
    ['a method that nobody knows', plain.replace('POST', 'BREW'), [400]],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', [405]],
    ['TRACE', 'TRACE /shop/default HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [405]],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex').toString('latin1'), [400]],
  ])('%s', async (_, text, statuses) => {
    expect(await say(Buffer.from(text, 'latin1'))).toEqual(statuses)
    await takesEvents()
  })

  it('a batch that nests without end, and one of braces alone', async () => {
    const type = { 'content-type': 'application/cloudevents-batch+json' }
    for (const body of ['['.repeat(1_000_000), `[${'{'.repeat(1_000_000)}`, `[${'[],'.repeat(300_000)}[]]`])
      expect(isClientsFault((await rig.send('/shop/default', type, body)).status)).toBe(true)
    await takesEvents()
  })
})
