import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { Inlet } from '../../contract/inlet.ts'
import { systemClock as clock } from '../../core/clock.ts'
import type { Appended, Appender, NewRecord } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { createIngress, type Ingress } from './ingress.ts'
import type { IngressOptions } from './options.ts'

/** A log in memory that acknowledges after a while: what counts here is HTTP. */
class MemoryAppender implements Appender {
  readonly stored: NewRecord[] = []
  readonly pendingBytes = 0
  delayMs = 0

  async append(record: NewRecord): Promise<Appended> {
    await new Promise((resolve) => setTimeout(resolve, this.delayMs))
    return { topic: record.topic, partition: 0, offset: BigInt(this.stored.push(record) - 1) }
  }

  async close(): Promise<void> {}
}

const event = 'ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n'
const head = (more: string): string => `POST /shop/default HTTP/1.1\r\nHost: x\r\n${event}${more}\r\n`
const whole = head('Content-Length: 4\r\n') + 'data'
const closing = head('Content-Length: 4\r\nConnection: close\r\n') + 'data'

let appender: MemoryAppender
let ingress: Ingress
const open = async (options: Partial<IngressOptions> = {}): Promise<void> => {
  const inlets = new MemoryRouteSet<Inlet>()
  const source = { kind: 'Broker', namespace: 'shop', name: 'default' }
  inlets.set({ uid: 'u', generation: 1, source, path: '/shop/default', topic: 't' })
  const all = { host: '127.0.0.1', port: 0, ...options }
  ingress = await createIngress({ appender, inlets, logger: createLogger('silent'), clock, options: all })
}
beforeEach(() => {
  appender = new MemoryAppender()
})
afterEach(async () => {
  // whatever was done to it, it still takes events
  expect(await talk((socket) => socket.write(closing))).toMatch(/^HTTP\/1.1 202 /)
  await ingress.close(1_000)
})

/** All that the ingress says on one connection until it ends. */
function talk(say: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const socket = connect(ingress.port, '127.0.0.1', () => say(socket))
    socket.setEncoding('latin1').on('data', (chunk: string) => (heard += chunk))
    socket.on('error', reject).on('close', () => resolve(heard))
  })
}
const statuses = (heard: string): string[] => [...heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1] ?? '')

describe('bad HTTP gets a 4xx and nothing is stored:', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', '400'],
    ['a malformed header', `POST /shop/default HTTP/1.1\r\nHost: x\r\nce id: 1\r\n\r\n`, '400'],
    ['a control character in a header', head('ce-x: a\u0001b\r\n'), '400'],
    ['a malformed length', head('Content-Length: four\r\n'), '400'],
    [
      'length and chunks together',
      head('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n') + '4\r\ndata\r\n0\r\n\r\n',
      '400',
    ],
    ['a broken chunk', head('Transfer-Encoding: chunked\r\n') + 'zz\r\n', '400'],
    ['HTTP/2 unasked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400'],
    ['no Host', closing.replace('Host: x\r\n', ''), '400'],
    ['a head without end', head(`ce-x: ${'x'.repeat(20_000)}\r\n`), '431'],
    ['an attribute that is not UTF-8', head('ce-x: \xff\r\nConnection: close\r\n'), '400'],
    ['an Expect that nobody knows', head('Expect: tea\r\nConnection: close\r\n'), '417'],
  ])('%s', async (_what, bytes, status) => {
    await open()
    expect(statuses(await talk((socket) => socket.write(bytes, 'latin1')))).toEqual([status])
    expect(appender.stored).toEqual([])
  })

  it.each([
    ['no Host', closing.replace('Host: x\r\n', ''), 'no header Host'],
    ['an Expect that nobody knows', head('Expect: tea\r\nConnection: close\r\n'), 'Expect: 100-continue'],
  ])('%s: and the answer says why', async (_what, bytes, says) => {
    await open()
    const heard = await talk((socket) => socket.write(bytes))
    expect(heard).toContain('application/problem+json')
    expect(heard).toContain(says)
  })

  it('a truncated body', async () => {
    await open()
    expect(statuses(await talk((socket) => socket.end(head('Content-Length: 10\r\n') + 'data')))).toEqual(['400'])
    expect(appender.stored).toEqual([])
  })

  it.each([
    ['head', 'POST /shop/default HTTP/1.1\r\nHost: x\r\n'],
    ['body', head('Content-Length: 10\r\n') + 'data'],
    ['chunked body', head('Transfer-Encoding: chunked\r\n') + '4\r\ndata\r\n'],
  ])('a slow %s', async (_what, bytes) => {
    await open({ requestTimeoutMs: 500 })
    expect(statuses(await talk((socket) => socket.write(bytes)))).toEqual(['408'])
    expect(appender.stored).toEqual([])
  })

  it('a body of 10 MB, and the sender hears why although it sends on', async () => {
    await open()
    for (const more of ['Content-Length: 10000000\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const chunked = more.startsWith('T')
      const heard = await talk((socket) => {
        socket.write(head(more))
        for (let mb = 0; mb < 10; mb++)
          socket.write(`${chunked ? 'F4240\r\n' : ''}${'x'.repeat(1_000_000)}${chunked ? '\r\n' : ''}`)
        if (chunked) socket.write('0\r\n\r\n')
      })
      expect(statuses(heard)).toEqual(['413'])
      expect(heard).toMatch(/Connection: close/i)
    }
    expect(appender.stored).toEqual([])
  })

  it('a body of 10 MB is refused before it is sent when the sender asks', async () => {
    await open()
    const heard = await talk((socket) => {
      socket.write(head('Content-Length: 10000000\r\nExpect: 100-continue\r\n'))
      socket.once('data', () => socket.end())
    })
    expect(statuses(heard)).toEqual(['413'])
  })

  it('a sender of a refused body that never stops is cut', async () => {
    await open()
    const heard = talk((socket) => socket.write(head('Content-Length: 10000000\r\n') + 'x'))
    expect(statuses(await heard)).toEqual(['413'])
  })
})

describe('the ingress', () => {
  it('answers pipelined requests in order, a broken one after the good ones before it', async () => {
    await open()
    appender.delayMs = 50
    expect(statuses(await talk((socket) => socket.write(`${whole}${whole}rubbish\r\n\r\n`)))).toEqual([
      '202',
      '202',
      '400',
    ])
    expect(appender.stored).toHaveLength(2)
  })

  it('answers a sender that closed its half', async () => {
    await open()
    appender.delayMs = 50
    expect(statuses(await talk((socket) => socket.end(whole)))).toEqual(['202'])
  })

  it('asks for the body of a sender that waits to be asked', async () => {
    await open()
    const heard = await talk((socket) => {
      socket.write(head('Content-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n'))
      socket.once('data', () => socket.write('data'))
    })
    expect(statuses(heard)).toEqual(['100', '202'])
  })

  it('gives back the room of senders that went away', async () => {
    await open({ maxBytesInFlight: 100_000 })
    for (let round = 0; round < 20; round++) {
      await talk((socket) => {
        const half = head('Content-Length: 50000\r\n') + 'x'
        socket.write(round % 2 === 0 ? half : half + 'x'.repeat(49_999), () => socket.destroy())
      })
    }
    appender.delayMs = 20
    const full = head('Content-Length: 90000\r\nConnection: close\r\n') + 'x'.repeat(90_000)
    expect(statuses(await talk((socket) => socket.write(full)))).toEqual(['202'])
  })

  it('keeps idle connections for the next request, and closes them at once when it closes', async () => {
    await open()
    const heard = talk((socket) => {
      socket.write(whole)
      socket.once('data', () => socket.write(whole))
    })
    await expect.poll(() => appender.stored.length, { interval: 5 }).toBe(2)
    const port = ingress.port
    await ingress.close(5_000)
    expect(statuses(await heard)).toEqual(['202', '202'])
    await open({ port })
  })

  it('does not wait for connections that never said a word when it closes', async () => {
    await open()
    const silent = talk(() => {})
    const asked = Date.now()
    await talk((socket) => socket.write(closing))
    const port = ingress.port
    await ingress.close(60_000)
    expect(Date.now() - asked).toBeLessThan(30_000)
    expect(await silent).toBe('')
    await open({ port })
  })

  it('drops none of very many attributes', async () => {
    await open()
    const many = Array.from({ length: 2_100 }, (_, n) => `a${n.toString(36)}:`).join('\r\n')
    await talk((socket) => socket.write(head(`${many}\r\nce-last: 1\r\nConnection: close\r\n`)))
    expect(appender.stored[0]?.headers).toContainEqual(['ce_last', Buffer.from('1')])
  })
})
