import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificate } from '../../../test/support/certificates.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { freePort } from '../../../test/support/free-ports.ts'
import { TracingRig } from '../../../test/support/tracing-rig.ts'
import type { OpenSpans } from './open-spans.ts'

let rig: TracingRig
beforeEach(() => {
  rig = new TracingRig()
})
afterEach(() => rig.disposeAsync())

const ended = (tracing: OpenSpans, name: string): void => tracing.spans.start(name, 'server', undefined).end()

describe('a collector', () => {
  it('gets spans within seconds, with the headers that are in force now', async () => {
    const collector = await rig.receiver()
    let token = 'first'
    const tracing = rig.open(collector, { credentials: () => ({ headers: { authorization: token } }) })
    ended(tracing, 'one')
    await eventually('the first span', () => collector.named('one').length === 1)
    token = 'second'
    ended(tracing, 'two')
    await eventually('the second span', () => collector.named('two').length === 1)
    expect(collector.requests.map(({ headers }) => headers.authorization)).toEqual(['first', 'second'])
    await eventually('both are counted', () => tracing.counts.sent === 2)
    expect(tracing.counts).toMatchObject({ overflow: 0, refused: 0, waiting: 0 })
  })

  it('is believed to be who it is by the certificate that vouches for it, and by no other', async () => {
    const [own, other] = [
      await makeCertificate('localhost', { now: new Date() }),
      await makeCertificate('localhost', { now: new Date() }),
    ]
    const collector = await rig.receiver(0, { cert: own.cert, key: own.pkcs8 })
    let ca = other.cert
    const tracing = rig.open(collector, { credentials: () => ({ headers: {}, ca }) })
    ended(tracing, 'secret')
    await eventually('it is said', () => rig.said.length > 0)
    expect(collector.requests).toEqual([])
    ca = own.cert
    await eventually('the span is there', () => collector.named('secret').length === 1)
  })

  it('that is away costs no event anything; what waited is sent when it is there, what was too much is counted and said once', async () => {
    const port = await freePort()
    const first = await rig.receiver(port)
    await first[Symbol.asyncDispose]()
    const tracing = rig.open(first)
    for (let at = 0; at < 5_000; at++) ended(tracing, 'waits')
    await eventually('the first failure is said', () => rig.said.length > 0)
    expect(tracing.counts).toMatchObject({ sent: 0, overflow: 5_000 - 4_096, waiting: 4_096 })
    const collector = await rig.receiver(port)
    await eventually('they are there', () => collector.spans.length === 4_096)
    await eventually('all is counted', () => tracing.counts.sent === 4_096)
    expect(rig.said).toHaveLength(2)
    expect(tracing.counts).toMatchObject({ overflow: 5_000 - 4_096, refused: 0, waiting: 0 })
    ended(tracing, 'afterwards')
    await eventually('all is well', () => collector.named('afterwards').length === 1)
    expect(collector.breaches).toEqual([])
  })

  it.each([
    [429, 'retry-after', '1'],
    [503, 'x-nothing', ''],
  ])('that answers %d gets the same spans again', async (status, header, value) => {
    const collector = await rig.receiver()
    collector.answer = { status, headers: { [header]: value } }
    const tracing = rig.open(collector)
    ended(tracing, 'again')
    await eventually('it has answered', () => rig.said.length > 0)
    collector.answer = null
    await eventually('the span is there', () => collector.named('again').length === 1)
    await eventually('it is counted', () => tracing.counts.sent === 1)
    expect(tracing.counts.refused).toBe(0)
    expect(collector.requests.length).toBeLessThan(4)
  })

  it.each([500, 400, 401, 404, 302])('that answers %d does not get them again, but the next ones', async (status) => {
    const collector = await rig.receiver()
    collector.answer = { status, headers: { location: `${collector.url}/elsewhere` } }
    const tracing = rig.open(collector)
    ended(tracing, 'refused')
    await eventually('it is counted', () => tracing.counts.refused === 1)
    collector.answer = null
    ended(tracing, 'taken')
    await eventually('the next span is there', () => collector.named('taken').length === 1)
    expect(collector.requests.map(({ path }) => path)).toEqual(['/v1/traces', '/v1/traces'])
    await eventually('it is counted', () => tracing.counts.sent === 1)
    expect(tracing.counts).toMatchObject({ refused: 1, waiting: 0 })
  })

  it('that takes some of them only has those counted', async () => {
    const collector = await rig.receiver()
    // partial_success { rejected_spans: 1, error_message: "no" }
    collector.answer = { status: 200, body: Buffer.from([0x0a, 6, 0x08, 1, 0x12, 2, 0x6e, 0x6f]) }
    const tracing = rig.open(collector)
    ended(tracing, 'one')
    ended(tracing, 'two')
    await eventually('they are counted', () => tracing.counts.refused === 1)
    expect(tracing.counts.sent).toBe(1)
    expect(rig.said.join()).toContain('did not take 1 spans: no')
  })

  it('that says that it did not take more than it was sent makes no count go back', async () => {
    const collector = await rig.receiver()
    // partial_success { rejected_spans: 300 }
    collector.answer = { status: 200, body: Buffer.from([0x0a, 3, 0x08, 0xac, 2]) }
    const tracing = rig.open(collector)
    ended(tracing, 'one')
    await eventually('it is counted', () => tracing.counts.refused > 0)
    expect(tracing.counts).toMatchObject({ sent: 0, refused: 1 })
  })

  it('that answers nonsense, or far too much, disturbs nothing', async () => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    collector.answer = { status: 200, body: Buffer.from('<html>') }
    ended(tracing, 'one')
    await eventually('it is taken', () => tracing.counts.sent === 1)
    collector.answer = { status: 200, body: Buffer.alloc(1_000_000) }
    ended(tracing, 'two')
    await eventually('it is said', () => rig.said.length > 0)
    collector.answer = null
    await eventually('it is taken', () => tracing.counts.sent === 2)
  })

  it('that never answers holds up no end, and what it did not take is counted', async () => {
    const collector = await rig.receiver()
    collector.answer = 'hang'
    const tracing = rig.open(collector)
    for (let at = 0; at < 600; at++) ended(tracing, 'lost')
    await eventually('it was asked', () => collector.requests.length === 1)
    const since = performance.now()
    await tracing.close(300)
    expect(performance.now() - since).toBeLessThan(8_000)
    expect(tracing.counts).toMatchObject({ sent: 0, overflow: 600, waiting: 0 })
    ended(tracing, 'too late')
    expect(tracing.counts.overflow).toBe(601)
  })

  it('gets all that is left at the end', async () => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    for (let at = 0; at < 1_500; at++) ended(tracing, 'last')
    await tracing.close(60_000)
    expect(collector.spans).toHaveLength(1_500)
    expect(collector.requests.map(({ spans }) => spans)).toEqual([512, 512, 476])
  })

  it('is not asked by a span whose credentials cannot be read', async () => {
    const collector = await rig.receiver()
    let broken = true
    const credentials = () => {
      if (broken) throw new Error('headers: line 1 is none')
      return { headers: {} }
    }
    const tracing = rig.open(collector, { credentials })
    ended(tracing, 'one')
    await eventually('it is said', () => rig.said.join().includes('headers: line 1 is none'))
    broken = false
    await eventually('it is there', () => collector.named('one').length === 1)
    expect(collector.requests).toHaveLength(1)
  })
})
