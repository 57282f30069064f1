import { trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TracingRig } from '../../../test/support/tracing-rig.ts'

let rig: TracingRig
beforeEach(() => {
  rig = new TracingRig()
})
afterEach(() => rig.disposeAsync())

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const parent = (flags: string) => ({ traceparent: `00-${traceId}-${parentId}-${flags}` })

describe('spans', () => {
  it('arrive with their parents, kinds, attributes, failures and who made them', async () => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    const accept = tracing.spans.start('accept', 'server', { ...parent('01'), tracestate: 'a=1,b=2' }, { 'x.count': 3 })
    const append = tracing.spans.start('append', 'producer', accept.context)
    append.say({ topic: 'orders', big: 2 ** 53 - 1, half: 0.5, on: true })
    append.end('Kafka is away')
    append.end()
    append.say({ late: true })
    accept.end()
    await tracing.close(5_000)

    expect(collector.breaches).toEqual([])
    expect(collector.requests).toMatchObject([{ path: '/v1/traces', spans: 2 }])
    const [second, first] = collector.spans
    expect(first).toMatchObject({
      ...{ traceId, parentSpanId: parentId, name: 'accept', kind: 'server', traceState: 'a=1,b=2', scope: 'millrace' },
      attributes: { 'x.count': 3 },
      resource: { 'service.name': 'tested', 'k8s.pod.name': 'pod-0', 'telemetry.sdk.language': 'nodejs' },
    })
    expect(first).not.toHaveProperty('failure')
    expect(second).toMatchObject({
      ...{ traceId, parentSpanId: first?.spanId, name: 'append', kind: 'producer', failure: 'Kafka is away' },
      attributes: { topic: 'orders', big: 2 ** 53 - 1, half: 0.5, on: true },
    })
    expect(second?.attributes).not.toHaveProperty('late')
    expect(accept.context).toEqual({ traceparent: `00-${traceId}-${first?.spanId}-01`, tracestate: 'a=1,b=2' })
    // bit 0x200: it came from another process
    expect([first, second].map((span) => (span?.flags ?? 0) & 0x3ff)).toEqual([0x301, 0x101])
    expect(first!.endNs >= second!.endNs && second!.startNs >= first!.startNs).toBe(true)
    expect(Math.abs(Number(first!.startNs / 1_000_000n) - Date.now())).toBeLessThan(60_000)
  })

  it.each([
    [0, undefined, false],
    [1, undefined, true],
    [0, '01', true],
    [1, '00', false],
    [0, '03', true],
    [1, '02', false],
  ])('with ratio %d and a parent of %s are kept: %s', async (ratio, flags, kept) => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector, { ratio })
    const span = tracing.spans.start('accept', 'server', flags === undefined ? undefined : parent(flags))
    const next = tracing.spans.start('append', 'producer', span.context)
    next.end()
    span.end()
    expect([span.kept, next.kept]).toEqual([kept, kept])
    expect(span.context.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-0[0-3]$/)
    const [, trace, , then] = span.context.traceparent.split('-')
    expect(next.context.traceparent.split('-')[1]).toBe(trace)
    expect(Number(then) & 1).toBe(kept ? 1 : 0)
    if (flags !== undefined) expect([trace, then]).toEqual([traceId, flags])
    await tracing.close(5_000)
    expect(collector.spans).toHaveLength(kept ? 2 : 0)
  })

  it('of new traces are kept as the ratio says', () => {
    const tracing = rig.open({ url: 'http://127.0.0.1:9' }, { ratio: 0.25 })
    const kept = Array.from({ length: 4_000 }, () => tracing.spans.start('a', 'server', undefined).kept)
    const share = kept.filter(Boolean).length / kept.length
    expect(share).toBeGreaterThan(0.2)
    expect(share).toBeLessThan(0.3)
  })

  it.each([
    ['nothing', '', false],
    ['nonsense', 'nonsense', false],
    ['capitals', `00-${traceId.toUpperCase()}-${parentId}-01`, false],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${parentId}-01`, false],
    ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`, false],
    ['version ff', `ff-${traceId}-${parentId}-01`, false],
    ['more than version 00 has', `00-${traceId}-${parentId}-01-more`, false],
    ['short flags', `00-${traceId}-${parentId}-1`, false],
    ['a version to come', `cc-${traceId}-${parentId}-01-what-comes-later`, true],
    ['all flags', `00-${traceId}-${parentId}-ff`, true],
    ['a very long one', `00-${traceId}-${parentId}-01${'-'.repeat(100_000)}`, false],
  ])('of a hostile sender: %s', (_, traceparent, taken) => {
    const tracing = rig.open({ url: 'http://127.0.0.1:9' })
    const span = tracing.spans.start('accept', 'server', { traceparent, tracestate: 'a=1' })
    expect(span.kept).toBe(true)
    expect(span.context.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-0[13]$/)
    expect(span.context.traceparent.includes(traceId)).toBe(taken)
    expect(span.context.tracestate).toBe(taken ? 'a=1' : undefined)
  })

  it('hand a tracestate on as it came, and keep one that is too long to none but those', async () => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    const states = ['k=v,,=,x', `long=${'a'.repeat(8_000)}`, 'ä=ö;\u0001']
    for (const tracestate of states) {
      const span = tracing.spans.start('accept', 'server', { ...parent('01'), tracestate })
      expect(span.context.tracestate).toBe(tracestate)
      span.end()
    }
    await tracing.close(5_000)
    expect(collector.breaches).toEqual([])
    expect(collector.spans.map(({ traceState }) => traceState)).toEqual(['k=v', undefined, undefined])
  })

  it('say no more than 512 characters of anything', async () => {
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    const span = tracing.spans.start('accept', 'server', undefined, { id: 'i'.repeat(100_000) })
    span.end('f'.repeat(100_000))
    await tracing.close(5_000)
    expect(collector.spans[0]).toMatchObject({ attributes: { id: 'i'.repeat(512) }, failure: 'f'.repeat(512) })
  })

  it('know nothing of a program that uses OpenTelemetry itself, nor of its environment', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'secret=of-another-program')
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'of=another-program')
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off')
    rig.defer(() => void vi.unstubAllEnvs())
    const collector = await rig.receiver()
    const tracing = rig.open(collector)
    const span = tracing.spans.start('accept', 'server', undefined)
    expect(trace.getActiveSpan()).toBeUndefined()
    expect(trace.getTracer('other').startSpan('other').isRecording()).toBe(false)
    span.end()
    await tracing.close(5_000)
    expect(collector.requests[0]?.headers).not.toHaveProperty('secret')
    expect(collector.spans[0]?.resource).not.toHaveProperty('of')
  })
})
