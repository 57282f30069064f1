import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { Inlet } from '../../contract/inlet.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { Fault, faults, type FaultCode } from '../../core/fault.ts'
import { openEmbeddedLog } from '../../kafka/embedded/embedded.ts'
import type { Appended, Appender, Log, LogRecord, NewRecord } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { createIngress, type Ingress } from './ingress.ts'
import type { IngressOptions } from './options.ts'

const logger = createLogger('silent')
const host = '127.0.0.1'
const ce = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order' }
const inlet = (name: string, topic: string, uid = name): Inlet => ({
  uid,
  generation: 1,
  source: { kind: 'Broker', namespace: 'shop', name },
  path: `/shop/${name}`,
  topic,
})

/** The appender of a real log behind a gate, so that a test decides when it goes on and what breaks. */
class Gate implements Appender {
  readonly #behind: Appender
  open: Promise<void> = Promise.resolve()
  breaks: Error | null = null
  waiting = 0

  constructor(behind: Appender) {
    this.#behind = behind
  }

  get pendingBytes(): number {
    return this.#behind.pendingBytes
  }

  async append(record: NewRecord): Promise<Appended> {
    this.waiting++
    await this.open
    this.waiting--
    if (this.breaks !== null) throw this.breaks
    return this.#behind.append(record)
  }

  close(deadlineMs: number): Promise<void> {
    return this.#behind.close(deadlineMs)
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let dir: string
let log: Log
let topics = 0
let topic: string
let gate: Gate
let inlets: MemoryRouteSet<Inlet>
let ingress: Ingress | undefined
let loaded: boolean

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-ingress-'))
  log = await openEmbeddedLog({ dir, fsync: 'off', retention: { ms: 1e12, bytes: 1e12 }, clock, logger })
})
afterAll(async () => {
  await log.close()
  await rm(dir, { recursive: true })
})
beforeEach(async () => {
  topic = `topic-${++topics}`
  await log
    .admin()
    .ensureTopic({ name: topic, partitions: 1, replicationFactor: 1, config: { 'max.message.bytes': '100000' } })
  gate = new Gate(log.appender())
  inlets = new MemoryRouteSet<Inlet>()
  inlets.set(inlet('default', topic))
  loaded = true
})
afterEach(async () => {
  await ingress?.close(1_000)
  ingress = undefined
  await gate.close(1_000)
})

async function start(options: Partial<IngressOptions> = {}): Promise<Ingress> {
  const all = { host, port: 0, ...options }
  return (ingress = await createIngress({ appender: gate, inlets, logger, clock, options: all, loaded: () => loaded }))
}

function send(
  path: string,
  headers: Record<string, string | string[]> = ce,
  body = '',
  method = 'POST',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const out = request({ host, port: ingress?.port, path, method, headers, agent: false }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }))
    })
    out.on('error', reject).end(body)
  })
}

/** A connection that has had an event accepted, and stays open; `post` writes the next one at once, and gives the first line of the answer. */
async function keptAlive(): Promise<{ post(): Promise<string> }> {
  const socket = connect({ host, port: ingress?.port ?? 0 })
  const head = ['POST /shop/default HTTP/1.1', 'host: ingress', 'content-length: 0']
  const text = [...head, ...Object.entries(ce).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
  const post = async (): Promise<string> => {
    const answered = once(socket, 'data')
    const ended = once(socket, 'close').then(() => ['closed without an answer'])
    socket.write(text)
    const [answer] = (await Promise.race([answered, ended])) as [Buffer | string]
    return answer.toString().split('\r\n')[0] ?? ''
  }
  await once(socket, 'connect')
  expect(await post()).toBe('HTTP/1.1 202 Accepted')
  return { post }
}

async function records(): Promise<readonly LogRecord[]> {
  const read = await log.reader().read({ topic, partition: 0 }, 0n, 10_000_000)
  if (!('records' in read)) throw new Error('the log moved')
  return read.records
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('an event', () => {
  it('is in the log, byte for byte, when 202 is answered', async () => {
    await start()
    const data = Buffer.from([0, 255, 1, 128]).toString('latin1')
    const answer = await send('/shop/default', { ...ce, 'ce-subject': 'a%20b', 'content-type': 'application/x' }, data)
    expect([answer.status, answer.body]).toEqual([202, ''])
    const [record] = await records()
    expect(record?.value).toEqual(Buffer.from(data))
    expect(record?.headers).toContainEqual(['ce_subject', Buffer.from('a b')])
  })

  it('is taken in structured mode', async () => {
    await start()
    const body = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":12345678901234567890}}'
    expect((await send('/shop/default', { 'content-type': 'application/cloudevents+json' }, body)).status).toBe(202)
    expect((await records())[0]?.value?.toString()).toBe('{"n":12345678901234567890}')
  })

  it.each([1, 70_000])('of %d bytes is taken in chunks of unknown sum', async (size) => {
    await start()
    const answer = await send('/shop/default', { ...ce, 'transfer-encoding': 'chunked' }, 'ä'.repeat(size / 2) + 'x')
    expect(answer.status).toBe(202)
    expect((await records())[0]?.value?.toString()).toBe('ä'.repeat(size / 2) + 'x')
  })

  it('is not answered before the log has it', async () => {
    await start()
    let open = (): void => {}
    gate.open = new Promise((resolve) => (open = resolve))
    let status = 0
    const answer = send('/shop/default').then((got) => (status = got.status))
    await until(() => gate.waiting === 1)
    expect(status).toBe(0)
    open()
    expect(await answer).toBe(202)
  })

  it('is taken with a trailing slash, a query, and the upgrade offer of Java clients', async () => {
    await start()
    const java = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
    }
    expect((await send('/shop/default/?x=1', { ...ce, ...java }, 'data')).status).toBe(202)
  })
})

describe('a refusal', () => {
  const detailOf = ({ body }: Answer): string => (JSON.parse(body) as { detail: string }).detail

  it('is a problem+json that names the attribute, and nothing is stored', async () => {
    await start()
    const answer = await send('/shop/default', { ...ce, 'ce-id': '' })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(answer.body)).toMatchObject({ status: 400, code: 'MissingAttribute', attribute: 'id' })
    expect(await records()).toEqual([])
  })

  it('says 404 with the Broker that is missing and those that are there', async () => {
    await start()
    const answer = await send('/shop/orders')
    expect([answer.status, detailOf(answer)]).toEqual([
      404,
      'There is no Broker shop/orders: apply it, or check the URL. Events are taken at /shop/default',
    ])
    expect(detailOf(await send('/x'))).toContain('/<namespace>/<broker>')
  })

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('says 405 with Allow to %s', async (method) => {
    await start()
    const answer = await send('/shop/default', {}, '', method)
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST'])
  })

  it('says 415 to a batch and to a compressed body', async () => {
    await start()
    expect((await send('/shop/default', { 'content-type': 'application/cloudevents-batch+json' }, '[]')).status).toBe(
      415,
    )
    expect((await send('/shop/default', { ...ce, 'content-encoding': 'gzip' }, 'x')).status).toBe(415)
  })

  it('says 413 with the limit: of the ingress, and of the topic', async () => {
    await start({ maxEventBytes: 200_000 })
    for (const [size, limit] of [
      [200_001, '200000'],
      [150_000, '100000'],
    ] as const) {
      const answer = await send('/shop/default', ce, 'x'.repeat(size))
      expect([answer.status, detailOf(answer)]).toEqual([413, expect.stringContaining(limit)])
    }
    expect((await send('/shop/default', { ...ce, 'transfer-encoding': 'chunked' }, 'x'.repeat(200_001))).status).toBe(
      413,
    )
    expect(await records()).toEqual([])
  })

  it('says 429 with Retry-After while too many bytes are in flight, and takes events again afterwards', async () => {
    await start({ maxBytesInFlight: 20_000 })
    let open = (): void => {}
    gate.open = new Promise((resolve) => (open = resolve))
    const first = send('/shop/default', ce, 'x'.repeat(10_000))
    await until(() => gate.waiting === 1)
    for (const headers of [ce, { ...ce, 'transfer-encoding': 'chunked' }]) {
      const answer = await send('/shop/default', headers, 'x'.repeat(10_000))
      expect([answer.status, answer.headers['retry-after']]).toEqual([429, '1'])
    }
    open()
    expect((await first).status).toBe(202)
    expect((await send('/shop/default', ce, 'x'.repeat(10_000))).status).toBe(202)
    expect(await records()).toHaveLength(2)
  })

  const statuses: Record<FaultCode, number> = {
    ...(Object.fromEntries(Object.keys(faults).map((code) => [code, 503])) as Record<FaultCode, number>),
    RecordTooLarge: 413,
    LogOverloaded: 429,
  }
  it.each(Object.entries(statuses))('for the fault %s is %d', async (code, status) => {
    await start()
    gate.breaks = new Fault(code as FaultCode, 'it broke')
    const answer = await send('/shop/default')
    expect([answer.status, answer.headers['retry-after'] !== undefined]).toEqual([status, status !== 413])
  })

  it.each(['LogTimeout', 'LogUnavailable'] as const)('for %s says whether the event may be stored', async (code) => {
    await start()
    gate.breaks = new Fault(code, 'it broke')
    expect((await send('/shop/default')).body).toContain('may be stored')
    gate.breaks = new Fault(code, 'it broke', { details: { sent: 0 } })
    expect((await send('/shop/default')).body).toContain('was not stored: send it again')
  })

  it('is 503 when the topic is gone, and 500 for a defect', async () => {
    await start()
    inlets.set(inlet('gone', 'no-such-topic'))
    expect((await send('/shop/gone')).status).toBe(503)
    gate.breaks = new TypeError('a defect')
    expect((await send('/shop/default')).status).toBe(500)
  })
})

describe('routes', () => {
  it('come, move and go while the ingress runs', async () => {
    await start()
    expect((await send('/shop/new')).status).toBe(404)
    inlets.set(inlet('new', topic, 'u'))
    expect((await send('/shop/new')).status).toBe(202)
    inlets.set(inlet('newer', topic, 'u'))
    expect([(await send('/shop/new')).status, (await send('/shop/newer')).status]).toEqual([404, 202])
    inlets.set(inlet('newer', topic, 'successor'))
    inlets.delete('u')
    expect((await send('/shop/newer')).status).toBe(202)
    inlets.delete('successor')
    expect((await send('/shop/newer')).status).toBe(404)
  })
})

describe('the probes', () => {
  it('say ready once the routes are loaded', async () => {
    loaded = false
    await start()
    const get = async (path: string): Promise<number> => (await send(path, {}, '', 'GET')).status
    expect([await get('/healthz'), await get('/readyz')]).toEqual([200, 503])
    loaded = true
    expect(await get('/readyz')).toBe(200)
    expect((await send('/healthz')).headers.allow).toBe('GET, HEAD')
  })
})

describe('closing', () => {
  it('answers what was accepted, says so to probes, and takes no new connection', async () => {
    await start({ lameDuckMs: 1_000 })
    let open = (): void => {}
    gate.open = new Promise((resolve) => (open = resolve))
    const accepted = send('/shop/default', ce, 'last words')
    await until(() => gate.waiting === 1)
    const closed = ingress?.close(5_000)
    expect((await send('/readyz', {}, '', 'GET')).status).toBe(503)
    setTimeout(open, 1_200)
    const answer = await accepted
    expect([answer.status, answer.headers.connection]).toEqual([202, 'close'])
    await closed
    await expect(send('/shop/default')).rejects.toThrow('ECONNREFUSED')
    expect((await records())[0]?.value?.toString()).toBe('last words')
  })

  it('answers what senders had put on the wire, though it had no time to read it', async () => {
    await start({ lameDuckMs: 50 })
    const senders = await Promise.all(Array.from({ length: 8 }, keptAlive))
    const closed = ingress?.close(5_000)
    const answers = senders.map(({ post }) => post())
    const busyUntil = performance.now() + 150
    while (performance.now() < busyUntil); // as on a machine without a free processor: the lame duck is over before anything is read
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 8 }, () => 'HTTP/1.1 202 Accepted'))
    await closed
  })

  it('cuts at the deadline what is still not answered', async () => {
    await start()
    gate.open = new Promise(() => {})
    const never = expect(send('/shop/default')).rejects.toThrow()
    await until(() => gate.waiting === 1)
    await ingress?.close(50)
    await never
  })

  it('fails to open on a port that is taken, with the code of the system', async () => {
    const { port } = await start()
    await expect(
      createIngress({ appender: gate, inlets, logger, clock, options: { host, port } }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
