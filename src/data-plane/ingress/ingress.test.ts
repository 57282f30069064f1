import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Fault, faults, type FaultCode } from '../../core/fault.ts'
import { block } from '../../../test/support/block.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { ce, inletAt, IngressRig, type Answer } from '../../../test/support/ingress-rig.ts'

/** A connection that has had an event accepted, and stays open; `post` writes the next one at once, and gives the first line of the answer. */
async function keptAlive(port: number): Promise<{ post(): Promise<string> }> {
  const socket = connect({ host: '127.0.0.1', port })
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

describe('an event', () => {
  it('is in the log, byte for byte, when 202 is answered', async () => {
    await using rig = await IngressRig.open()
    const data = Buffer.from([0, 255, 1, 128]).toString('latin1')
    const answer = await rig.send(
      '/shop/default',
      { ...ce, 'ce-subject': 'a%20b', 'content-type': 'application/x' },
      data,
    )
    expect([answer.status, answer.body]).toEqual([202, ''])
    const [record] = await rig.records()
    expect(record?.value).toEqual(Buffer.from(data))
    expect(record?.headers).toContainEqual(['ce_subject', Buffer.from('a b')])
  })

  it('is taken in structured mode', async () => {
    await using rig = await IngressRig.open()
    const body = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":12345678901234567890}}'
    expect((await rig.send('/shop/default', { 'content-type': 'application/cloudevents+json' }, body)).status).toBe(202)
    expect((await rig.records())[0]?.value?.toString()).toBe('{"n":12345678901234567890}')
  })

  it.each([1, 70_000])('of %d bytes is taken in chunks of unknown sum', async (size) => {
    await using rig = await IngressRig.open()
    const answer = await rig.send(
      '/shop/default',
      { ...ce, 'transfer-encoding': 'chunked' },
      'ä'.repeat(size / 2) + 'x',
    )
    expect(answer.status).toBe(202)
    expect((await rig.records())[0]?.value?.toString()).toBe('ä'.repeat(size / 2) + 'x')
  })

  it('is not answered before the log has it', async () => {
    await using rig = await IngressRig.open()
    let open = (): void => {}
    rig.gate.open = new Promise((resolve) => (open = resolve))
    let status = 0
    const answer = rig.send('/shop/default').then((got) => (status = got.status))
    await eventually('it waits', () => rig.gate.waiting === 1)
    expect(status).toBe(0)
    open()
    expect(await answer).toBe(202)
  })

  it('is taken with a trailing slash, a query, and the upgrade offer of Java clients', async () => {
    await using rig = await IngressRig.open()
    const java = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
    }
    expect((await rig.send('/shop/default/?x=1', { ...ce, ...java }, 'data')).status).toBe(202)
  })
})

describe('a refusal', () => {
  const detailOf = ({ body }: Answer): string => (JSON.parse(body) as { detail: string }).detail

  it('is a problem+json that names the attribute, and nothing is stored', async () => {
    await using rig = await IngressRig.open()
    const answer = await rig.send('/shop/default', { ...ce, 'ce-id': '' })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(answer.body)).toMatchObject({ status: 400, code: 'MissingAttribute', attribute: 'id' })
    expect(await rig.records()).toEqual([])
  })

  it('says 404 to a path where nothing is', async () => {
    await using rig = await IngressRig.open()
    expect((await rig.send('/shop/orders')).status).toBe(404)
    expect(detailOf(await rig.send('/x'))).toContain('/<namespace>/<broker>')
  })

  it.each(['GET', 'PUT', 'DELETE'])('says 405 with Allow to %s', async (method) => {
    await using rig = await IngressRig.open()
    const answer = await rig.send('/shop/default', {}, '', method)
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS'])
  })

  it('says 413 with the limit: of the ingress, and of the topic', async () => {
    await using rig = await IngressRig.open({ maxEventBytes: 200_000 })
    for (const [size, limit] of [
      [200_001, '200000'],
      [150_000, '100000'],
    ] as const) {
      const answer = await rig.send('/shop/default', ce, 'x'.repeat(size))
      expect([answer.status, detailOf(answer)]).toEqual([413, expect.stringContaining(limit)])
    }
    expect(
      (await rig.send('/shop/default', { ...ce, 'transfer-encoding': 'chunked' }, 'x'.repeat(200_001))).status,
    ).toBe(413)
    expect(await rig.records()).toEqual([])
  })

  it('says 429 with Retry-After while too many bytes are in flight, and takes events again afterwards', async () => {
    await using rig = await IngressRig.open({ maxBytesInFlight: 20_000 })
    let open = (): void => {}
    rig.gate.open = new Promise((resolve) => (open = resolve))
    const first = rig.send('/shop/default', ce, 'x'.repeat(10_000))
    await eventually('it waits', () => rig.gate.waiting === 1)
    for (const headers of [ce, { ...ce, 'transfer-encoding': 'chunked' }]) {
      const answer = await rig.send('/shop/default', headers, 'x'.repeat(10_000))
      expect([answer.status, answer.headers['retry-after']]).toEqual([429, '1'])
    }
    open()
    expect((await first).status).toBe(202)
    expect((await rig.send('/shop/default', ce, 'x'.repeat(10_000))).status).toBe(202)
    expect(await rig.records()).toHaveLength(2)
  })

  const statuses: Record<FaultCode, number> = {
    ...(Object.fromEntries(Object.keys(faults).map((code) => [code, 503])) as Record<FaultCode, number>),
    RecordTooLarge: 413,
    LogOverloaded: 429,
  }
  it.each(Object.entries(statuses))('for the fault %s is %d', async (code, status) => {
    await using rig = await IngressRig.open()
    rig.gate.breaks = () => new Fault(code as FaultCode, 'it broke')
    const answer = await rig.send('/shop/default')
    expect([answer.status, answer.headers['retry-after'] !== undefined]).toEqual([status, status !== 413])
  })

  it.each(['LogTimeout', 'LogUnavailable'] as const)('for %s says whether the event may be stored', async (code) => {
    await using rig = await IngressRig.open()
    rig.gate.breaks = () => new Fault(code, 'it broke')
    expect((await rig.send('/shop/default')).body).toContain('may be stored')
    rig.gate.breaks = () => new Fault(code, 'it broke', { details: { sent: 0 } })
    expect((await rig.send('/shop/default')).body).toContain('was not stored: send it again')
  })

  it('is 503 when the topic is gone, and 500 for a defect', async () => {
    await using rig = await IngressRig.open()
    rig.inlets.set(inletAt('gone', 'no-such-topic'))
    expect((await rig.send('/shop/gone')).status).toBe(503)
    rig.gate.breaks = () => new TypeError('a defect')
    expect((await rig.send('/shop/default')).status).toBe(500)
  })
})

describe('routes', () => {
  it('come, move and go while the ingress runs', async () => {
    await using rig = await IngressRig.open()
    expect((await rig.send('/shop/new')).status).toBe(404)
    rig.inlets.set(inletAt('new', rig.topic, 'u'))
    expect((await rig.send('/shop/new')).status).toBe(202)
    rig.inlets.set(inletAt('newer', rig.topic, 'u'))
    expect([(await rig.send('/shop/new')).status, (await rig.send('/shop/newer')).status]).toEqual([404, 202])
    rig.inlets.set(inletAt('newer', rig.topic, 'successor'))
    rig.inlets.delete('u')
    expect((await rig.send('/shop/newer')).status).toBe(202)
    rig.inlets.delete('successor')
    expect((await rig.send('/shop/newer')).status).toBe(404)
  })
})

describe('the probes', () => {
  it('say ready once the routes are loaded', async () => {
    await using rig = await IngressRig.open()
    rig.loaded = false
    const get = async (path: string): Promise<number> => (await rig.send(path, {}, '', 'GET')).status
    expect([await get('/healthz'), await get('/readyz')]).toEqual([200, 503])
    rig.loaded = true
    expect(await get('/readyz')).toBe(200)
    expect((await rig.send('/healthz')).headers.allow).toBe('GET, HEAD, OPTIONS')
  })
})

describe('closing', () => {
  it('answers what was accepted, says so to probes, and takes no new connection', async () => {
    await using rig = await IngressRig.open({ lameDuckMs: 3_000 })
    let open = (): void => {}
    rig.gate.open = new Promise((resolve) => (open = resolve))
    const accepted = rig.send('/shop/default', ce, 'last words')
    await eventually('it waits', () => rig.gate.waiting === 1)
    const closed = rig.ingress.close(60_000)
    expect((await rig.send('/readyz', {}, '', 'GET')).status).toBe(503)
    setTimeout(open, 3_200)
    const answer = await accepted
    expect([answer.status, answer.headers.connection]).toEqual([202, 'close'])
    await closed
    await expect(rig.send('/shop/default')).rejects.toThrow('ECONNREFUSED')
    expect((await rig.records())[0]?.value?.toString()).toBe('last words')
  })

  it('answers what senders had put on the wire, though it had no time to read it', async () => {
    await using rig = await IngressRig.open({ lameDuckMs: 50 })
    const senders = await Promise.all(Array.from({ length: 8 }, () => keptAlive(rig.ingress.port)))
    const closed = rig.ingress.close(60_000)
    const answers = senders.map(({ post }) => post())
    block(150) // as on a machine without a free processor: the lame duck is over before anything is read
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 8 }, () => 'HTTP/1.1 202 Accepted'))
    await closed
  })

  it('cuts at the deadline what is still not answered', async () => {
    await using rig = await IngressRig.open()
    rig.gate.open = new Promise(() => {})
    const never = expect(rig.send('/shop/default')).rejects.toThrow()
    await eventually('it waits', () => rig.gate.waiting === 1)
    await rig.ingress.close(50)
    await never
  })

  it('fails to open on a port that is taken, with the code of the system', async () => {
    await using rig = await IngressRig.open()
    await expect(rig.another({ port: rig.ingress.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
