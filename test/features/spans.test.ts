import { describe, expect, it } from 'vitest'
import { Fault } from '../../src/core/fault.ts'
import { eventually } from '../support/eventually.ts'
import { IngressRig } from '../support/ingress-rig.ts'
import { SpansRecorder, type RecordedSpan } from '../support/spans-recorder.ts'
import { onEmbeddedLog, openMill, type MillOptions } from './delivery-rules-rig.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Rig } from './dispatcher-rig.ts'

const ce = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order' }
const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
const kept = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=1' }
const dropped = { traceparent: `00-${traceId}-${spanId}-00`, tracestate: 'vendor=1' }
const foreign = '00-11111111111111111111111111111111-2222222222222222-01'
const reply = { ...ce, 'ce-id': 'r1', 'ce-source': '/subscriber', 'ce-type': 'reply' }
const retry = { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 1, timeoutMs: 10_000 } as const

/** The whole data plane, with who follows it; replies go to a topic of their own. */
async function open(options: MillOptions = {}) {
  const spans = new SpansRecorder()
  const mill = await openMill(onEmbeddedLog, { spans, ...options })
  const replyTopic = `${mill.rig.topic}-replies`
  await mill.rig.admin.ensureTopic({ name: replyTopic, partitions: 1, replicationFactor: 1, config: {} })
  mill.runner.routes.outlets.set({ ...mill.outlet, generation: 2, replyTopic })
  return { spans, mill, replyTopic, [Symbol.asyncDispose]: () => mill[Symbol.asyncDispose]() }
}

/** The trace that a record carries. */
async function traceOf(rig: Rig, topic: string, offset = 0) {
  const { headers = [] } = (await rig.records(topic))[offset] ?? {}
  const of = (name: string) => headers.filter(([one]) => one === name).map(([, value]) => String(value))
  return { traceparent: of('traceparent'), tracestate: of('tracestate') }
}

const only = (spans: SpansRecorder, name: string): RecordedSpan => {
  expect(spans.named(name), name).toHaveLength(1)
  return spans.named(name)[0] as RecordedSpan
}

const ended = (spans: SpansRecorder): Promise<unknown> =>
  eventually('all spans have ended', () => spans.all.length > 0 && spans.open.length === 0)

describe('the trace of an event', () => {
  it('goes from its sender through ingress, log, dispatcher and subscriber to the reply', async () => {
    await using scene = await open({ behave: answer(200, reply) })
    const { mill, spans, replyTopic } = scene
    await mill.send({ headers: { ...ce, ...kept, 'user-agent': 'me' }, body: 'x' })
    const got = await mill.delivered('1')
    await eventually('the reply is stored', () => spans.named('reply').length > 0 && spans.open.length === 0)
    const [accept, append, deliver, attempt, replied] = ['accept', 'append', 'deliver', 'attempt', 'reply'].map(
      (name) => only(spans, name),
    ) as [RecordedSpan, RecordedSpan, RecordedSpan, RecordedSpan, RecordedSpan]
    const steps = [accept, append, deliver, attempt, replied]
    expect(steps.map(({ kind }) => kind)).toEqual(['server', 'producer', 'consumer', 'client', 'producer'])
    expect(new Set(spans.all.map((span) => span.traceId))).toEqual(new Set([traceId]))
    expect(steps.map(({ parentId }) => parentId)).toEqual([spanId, ...steps.slice(0, -1).map((step) => step.spanId)])
    expect(steps.map(({ failure }) => failure)).toEqual(['', '', '', '', ''])
    const carried = ({ context }: RecordedSpan) => ({ traceparent: [context.traceparent], tracestate: ['vendor=1'] })
    expect(await traceOf(mill.rig, mill.rig.topic)).toEqual(carried(append))
    expect(got.headers).toMatchObject({ traceparent: attempt.context.traceparent, tracestate: 'vendor=1' })
    expect(await traceOf(mill.rig, replyTopic)).toEqual(carried(replied))

    const event = {
      'cloudevents.event_id': '1',
      'cloudevents.event_source': '/shop',
      'cloudevents.event_type': 'order',
      'cloudevents.event_spec_version': '1.0',
    }
    const kafka = (topic: string) => ({
      'messaging.system': 'kafka',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
    })
    const server = { 'server.address': '127.0.0.1', 'server.port': Number(new URL(mill.ingress.url).port) }
    expect(accept.attributes).toEqual({
      ...{
        ...event,
        ...server,
        'kn.broker.name': 'default',
        'kn.broker.namespace': 'shop',
        'user_agent.original': 'me',
      },
      ...{ 'http.request.method': 'POST', 'http.response.status_code': 202, 'http.route': '/{namespace}/{name}' },
      ...{ 'url.path': '/shop/default', 'url.scheme': 'http', 'network.protocol.version': '1.1' },
    })
    expect(append.attributes).toEqual({
      ...event,
      ...kafka(mill.rig.topic),
      'messaging.operation.name': 'append',
      'messaging.operation.type': 'send',
    })
    expect(deliver.attributes).toEqual({
      ...{
        ...event,
        ...kafka(mill.rig.topic),
        'messaging.operation.name': 'deliver',
        'messaging.operation.type': 'process',
      },
      ...{ 'messaging.consumer.group.name': mill.outlet.group, 'kn.trigger.name': 'a', 'kn.trigger.namespace': 'shop' },
      ...{ 'millrace.outcome': 'delivered', 'millrace.attempts': 1 },
    })
    expect(attempt.attributes).toEqual({
      ...{ 'http.request.method': 'POST', 'http.response.status_code': 200, 'url.full': `${mill.subscriber.url}/a` },
      ...{ 'server.address': '127.0.0.1', 'server.port': Number(new URL(mill.subscriber.url).port) },
    })
    expect(replied.attributes).toMatchObject({
      ...kafka(replyTopic),
      'cloudevents.event_id': 'r1',
      'messaging.operation.name': 'reply',
    })
  })

  it('begins here where the sender has none, or one that is broken', async () => {
    await using scene = await open()
    const { mill, spans } = scene
    await mill.send({ headers: ce })
    await mill.send({ headers: { ...ce, 'ce-id': '2', traceparent: ['nonsense', kept.traceparent] } })
    const [first, second] = [await mill.delivered('1'), await mill.delivered('2')]
    await ended(spans)
    expect(spans.named('accept').map(({ parentId }) => parentId)).toEqual([null, null])
    expect(new Set(spans.all.map((span) => span.traceId)).size).toBe(2)
    expect([first, second].map(({ headers }) => headers['traceparent'])).toEqual(
      spans.named('attempt').map(({ context }) => context.traceparent),
    )
  })

  it('shows each try, and what the dead letter sink was asked', async () => {
    await using scene = await open({
      behave: (got, response) => answer(got.path.startsWith('/dead') ? 200 : 503)(got, response),
    })
    const { mill, spans } = scene
    const deadLetter = { url: `${mill.subscriber.url.replace('//', '//user:secret@')}/dead?code=secret` }
    mill.runner.routes.outlets.set({ ...mill.outlet, generation: 3, delivery: { ...retry, deadLetter } })
    await mill.send({ headers: { ...ce, ...kept } })
    await eventually('it is dead-lettered', () => mill.subscriber.got.length === 3)
    await ended(spans)
    const tries = spans.named('attempt')
    const deliver = only(spans, 'deliver')
    expect(tries.map(({ failure }) => failure)).toEqual(['it answered 503', 'it answered 503', ''])
    expect(tries.map(({ parentId }) => parentId)).toEqual([deliver.spanId, deliver.spanId, deliver.spanId])
    expect(tries.map(({ attributes }) => [attributes['http.request.resend_count'], attributes['error.type']])).toEqual([
      [undefined, '503'],
      [1, '503'],
      [2, undefined],
    ])
    expect(tries[2]?.attributes['url.full']).toBe(`${mill.subscriber.url}/dead`)
    expect(mill.subscriber.got.map(({ headers }) => headers['traceparent'])).toEqual(
      tries.map(({ context }) => context.traceparent),
    )
    expect(deliver.attributes).toMatchObject({ 'millrace.outcome': 'deadLettered', 'millrace.attempts': 3 })
    expect(deliver.failure).toBe('it answered 503')
  })

  it('is that of the subscriber where its reply has one', async () => {
    await using scene = await open({ behave: answer(200, { ...reply, traceparent: foreign }) })
    const { mill, spans, replyTopic } = scene
    await mill.send({ headers: { ...ce, ...kept } })
    await eventually('the reply is stored', () => spans.named('reply').length > 0 && spans.open.length === 0)
    const replied = only(spans, 'reply')
    expect(`00-${replied.traceId}-${replied.parentId}-01`).toBe(foreign)
    expect((await traceOf(mill.rig, replyTopic)).traceparent).toEqual([replied.context.traceparent])
  })

  it.each(['by its sender', 'by us'])(
    'that is not kept, as decided %s, is handed on, and nothing is said of it',
    async (by) => {
      await using scene = await open({ behave: answer(200, reply) })
      const { mill, spans, replyTopic } = scene
      spans.sampled = false
      await mill.send({ headers: { ...ce, ...(by === 'by us' ? {} : dropped) } })
      const got = await mill.delivered('1')
      await eventually('the reply is stored', async () => (await mill.rig.records(replyTopic)).length === 1)
      await ended(spans)
      const [of = ''] = (await traceOf(mill.rig, mill.rig.topic)).traceparent
      const id = by === 'by us' ? of.slice(3, 35) : traceId
      const rule = new RegExp(`^00-${id}-[0-9a-f]{16}-00$`)
      expect([of, got.headers['traceparent'], ...(await traceOf(mill.rig, replyTopic)).traceparent]).toEqual(
        Array(3).fill(expect.stringMatching(rule)),
      )
      expect(spans.all.filter((span) => span.kept)).toEqual([])
      expect(spans.all.map(({ name }) => name)).toEqual(['accept', 'deliver'])
    },
  )

  it('of a batch has a span for each of its events', async () => {
    await using scene = await open()
    const { mill, spans } = scene
    const events = ['a', 'b'].map((id) => ({ specversion: '1.0', id, source: '/shop', type: 'order' }))
    const headers = { 'content-type': 'application/cloudevents-batch+json', ...kept }
    await mill.send({ headers, body: JSON.stringify(events) })
    await Promise.all(['a', 'b'].map((id) => mill.delivered(id)))
    await ended(spans)
    const accept = only(spans, 'accept')
    expect(accept.attributes).toMatchObject({ 'messaging.batch.message_count': 2, 'http.response.status_code': 202 })
    const appends = spans.named('append')
    expect(
      appends.map(({ parentId, attributes }) => [
        parentId,
        attributes['cloudevents.event_id'],
        attributes['messaging.kafka.offset'],
      ]),
    ).toEqual([
      [accept.spanId, 'a', 0],
      [accept.spanId, 'b', 1],
    ])
    expect(spans.named('deliver').map(({ parentId }) => parentId)).toEqual(appends.map((append) => append.spanId))
  })

  it('ends at the ingress where the event was refused: a mistake of the sender, or a failure of ours', async () => {
    const spans = new SpansRecorder()
    await using rig = await IngressRig.open({}, { spans })
    await rig.send('/shop/other', { ...ce, ...kept })
    await rig.send('/shop/default', { ...ce, 'ce-type': '' })
    await rig.send('/shop/default', { ...ce, 'ce-knativebrokerttl': '1' })
    rig.gate.breaks = () => new Fault('LogUnavailable', 'away')
    await rig.send('/shop/default', ce)
    expect(spans.open).toEqual([])
    expect(
      spans
        .named('accept')
        .map(({ attributes, failure }) => [
          attributes['http.response.status_code'],
          attributes['millrace.problem'],
          attributes['error.type'],
          failure,
        ]),
    ).toEqual([
      [404, 'NotFound', undefined, ''],
      [400, 'MissingAttribute', undefined, ''],
      [400, 'LoopDetected', undefined, ''],
      [503, 'Unavailable', 'Unavailable', expect.stringContaining('cannot be reached')],
    ])
    expect(only(spans, 'append').failure).toBe('away')
  })

  it('ends where the event is handed to the next owner', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber(answer(503))
    const spans = new SpansRecorder()
    const outlet = rig.outlet(subscriber.url, { delivery: { ...retry, backoffDelayMs: 60_000 } })
    let hand: Hand | undefined
    rig.run([outlet], {}, 'one', { spans, membership: (handler) => (hand = new Hand(handler, rig)) })
    await rig.send(1)
    await eventually('it was tried', () => subscriber.got.length === 1)
    await hand?.take(0)
    await ended(spans)
    expect(only(spans, 'deliver').failure).toContain('given up here')
    expect(only(spans, 'deliver').parentId).toBeNull()
  })
})
