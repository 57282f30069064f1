import { describe, expect, it } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Appended, Appender, NewRecord } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { LineageRecorder } from '../support/lineage-recorder.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Behaviour, type Rig } from './dispatcher-rig.ts'

const reply = { 'ce-specversion': '1.0', 'ce-id': 'r1', 'ce-source': '/subscriber', 'ce-type': 'reply' }
const retry = { retry: 2, backoffPolicy: 'linear', backoffDelayMs: 1, timeoutMs: 10_000 } as const

/** One after the other; the last for all that follow. */
const script = (...behaviours: readonly Behaviour[]): Behaviour => {
  let next = 0
  return (got, response) => (behaviours[next++] ?? behaviours.at(-1))?.(got, response)
}

interface Played {
  readonly rig: Rig
  readonly url: string
  readonly lineage: LineageRecorder
  /** How long all of it took, milliseconds. */
  readonly ms: number
}

/** One event, or `send`, to one Outlet, until its end is told. */
async function play(
  behave: Behaviour,
  outlet: (rig: Rig, url: string) => Partial<Outlet>,
  see: (played: Played) => Promise<void> | void,
  send = (rig: Rig) => rig.send(1, { from: 7 }),
) {
  const since = performance.now()
  await using rig = await embeddedRig()
  await using subscriber = await startSubscriber(behave)
  const lineage = new LineageRecorder()
  const { url } = subscriber
  const runner = rig.run([rig.outlet(url, outlet(rig, url))], {}, 'd', { lineage })
  await send(rig)
  await eventually('its end is told', () => lineage.ended.length > 0)
  await eventually('nothing is under way', () => {
    const [one] = runner.dispatcher.snapshot().outlets
    return one?.partitions.every(({ inFlight, position, end }) => inFlight === 0 && position === end)
  })
  expect(lineage.ended).toHaveLength(1)
  await see({ rig, url: `${url}/a`, lineage, ms: performance.now() - since })
}

describe('what a dispatcher tells of a delivery', () => {
  it('that the subscriber took it at once', () =>
    play(
      answer(204),
      () => ({}),
      ({ rig, ms, lineage: { ended } }) => {
        const place = { topic: rig.topic, partition: 0, offset: 0 }
        expect(ended).toEqual([{ outlet: 'a', place, id: '7', status: 204, tookMs: expect.any(Number) }])
        expect(ended[0]?.tookMs).toBeGreaterThan(0)
        expect(ended[0]?.tookMs).toBeLessThan(ms)
      },
    ))

  it('that a reply which nobody stores is no reply', () =>
    play(
      answer(200, reply),
      () => ({}),
      ({ lineage: { ended } }) => expect(ended).toMatchObject([{ status: 200 }]),
    ))

  it('that it was taken after retries, and why not before; the last that failed is told', () =>
    play(
      script(answer(500), (_, response) => response.destroy(), answer(200)),
      () => ({ delivery: { ...retry, backoffDelayMs: 20 } }),
      ({ url, ms, lineage: { ended } }) => {
        // the waits after the first and the second try
        expect(ended[0]?.tookMs).toBeGreaterThan(20 + 2 * 20 - 5)
        expect(ended[0]?.tookMs).toBeLessThan(ms)
        expect(ended).toEqual([
          expect.objectContaining({
            settled: {
              ...{ outcome: 'delivered', attempts: 3, status: 200, tookMs: expect.any(Number) },
              failure: { destination: url, reason: 'it closed the connection before its answer was complete' },
            },
          }),
        ])
      },
    ))

  it('that the dead letter sink took it', () =>
    play(
      (got, response) => answer(got.path === '/dead' ? 202 : 503)(got, response),
      (_, url) => ({ delivery: { ...retry, retry: 1, deadLetter: { url: `${url}/dead` } } }),
      ({ url, lineage: { ended } }) =>
        expect(ended.map(({ settled }) => settled)).toEqual([
          {
            ...{ outcome: 'deadLettered', attempts: 3, status: 202, tookMs: expect.any(Number) },
            failure: { destination: url, reason: 'it answered 503' },
            takenBy: url.replace('/a', '/dead'),
          },
        ]),
    ))

  it('where it went, and nothing that signs in there; nor does anybody else', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber((got, response) =>
      answer(got.path === '/dead' ? 202 : 503)(got, response),
    )
    const { url } = subscriber
    const lineage = new LineageRecorder()
    const signedIn = url.replace('//', '//user:secret@')
    const deadLetter = { url: `${signedIn}/dead` }
    const { dispatcher } = rig.run([rig.outlet(signedIn, { delivery: { ...retry, deadLetter } })], {}, 'd', { lineage })
    await rig.send(1)
    await eventually('its end is told', () => lineage.ended.length > 0)
    expect(lineage.ended[0]?.settled).toMatchObject({
      ...{ outcome: 'deadLettered', takenBy: `${url}/dead` },
      failure: { destination: `${url}/a` },
    })
    expect(subscriber.got.at(-1)?.headers['ce-knativeerrordest']).toBe(`${url}/a`)
    expect(dispatcher.snapshot().outlets[0]?.lastError?.message).toBe(`${url}/a: it answered 503`)
  })

  it('that it is parked, after subscriber and dead letter sink; what is long is cut', () =>
    play(
      (got, response) =>
        answer(got.path.startsWith('/dead') ? 200 : 400, { 'ce-specversion': 'broken' })(got, response),
      (_, url) => ({ delivery: { ...retry, deadLetter: { url: `${url}/dead?${'x'.repeat(600)}` } } }),
      async ({ rig, url, lineage: { ended } }) => {
        const [settled] = ended.map((one) => one.settled)
        expect(settled).toEqual({
          ...{ outcome: 'parked', attempts: 2, status: 200, tookMs: expect.any(Number) },
          failure: {
            destination: `${url.replace('/a', '/dead')}?${'x'.repeat(600)}`.slice(0, 512),
            reason: expect.stringMatching(/^its reply is no valid/),
          },
          takenBy: expect.stringMatching(/^kafka:parked-/),
        })
        expect(await rig.records(settled?.takenBy?.slice('kafka:'.length) ?? '')).toHaveLength(1)
      },
    ))

  it('that it is dropped where that is wanted, without an answer of subscriber or dead letter sink', () =>
    play(
      (_, response) => response.destroy(),
      (_, url) => ({ onExhausted: 'drop', delivery: { ...retry, retry: 0, deadLetter: { url: `${url}/dead` } } }),
      ({ lineage: { ended } }) => {
        const [settled] = ended.map((one) => one.settled)
        expect(settled).toMatchObject({ outcome: 'dropped', attempts: 2, status: null })
        expect(settled?.takenBy).toBeUndefined()
      },
    ))

  it('that a record is parked which is no event: nobody was asked, and it has no id', () =>
    play(
      answer(200),
      () => ({}),
      ({ lineage: { ended } }) =>
        expect(ended).toMatchObject([
          {
            id: null,
            settled: {
              ...{ outcome: 'parked', attempts: 0, status: null, tookMs: 0 },
              failure: { reason: expect.stringContaining('no CloudEvent') },
            },
          },
        ]),
      async ({ appender, topic }) =>
        void (await appender.append({ topic, partition: 0, key: null, value: null, headers: [] })),
    ))

  it('where the replies stand, each with its name', () =>
    play(
      answer(
        200,
        { 'content-type': 'application/cloudevents-batch+json' },
        JSON.stringify(['x', 'y'].map((id) => ({ specversion: '1.0', id, source: '/s', type: `made.${id}` }))),
      ),
      (rig) => ({ replyTopic: `${rig.topic}-replies` }),
      async ({ rig, lineage: { ended } }) => {
        const topic = `${rig.topic}-replies`
        const replies = ['x', 'y'].map((id, offset) => ({
          place: { topic, partition: 0, offset },
          id,
          source: '/s',
          type: `made.${id}`,
        }))
        expect(ended.map(({ settled }) => settled)).toEqual([
          { outcome: 'delivered', attempts: 1, status: 200, tookMs: expect.any(Number), replies },
        ])
        const stored = await rig.records(topic)
        expect(stored.map(({ offset }) => Number(offset))).toEqual([0, 1])
      },
      async (rig) => {
        await rig.admin.ensureTopic({ name: `${rig.topic}-replies`, partitions: 1, replicationFactor: 1, config: {} })
        await rig.send(1)
      },
    ))

  it('that a reply went round too often, and a reply that could not be stored', async () => {
    await play(
      answer(200, reply),
      (rig) => ({ replyTopic: `${rig.topic}-replies` }),
      ({ rig, lineage: { ended } }) =>
        expect(ended.map(({ settled }) => settled)).toMatchObject([
          {
            outcome: 'parked',
            attempts: 1,
            failure: { destination: `kafka:${rig.topic}-replies`, reason: expect.stringContaining('knativebrokerttl') },
          },
        ]),
      (rig) => rig.send(1, { extra: { knativebrokerttl: '1' } }),
    )
    await play(
      answer(200, reply),
      (rig) => ({ replyTopic: `${rig.topic}-nowhere` }),
      ({ rig, lineage: { ended } }) =>
        expect(ended.map(({ settled }) => settled)).toMatchObject([
          { outcome: 'parked', attempts: 1, status: 200, failure: { destination: `kafka:${rig.topic}-nowhere` } },
        ]),
    )
  })

  it('of several Outlets each for itself, and counts replies and dead letters without anybody asking for metrics', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber((got, response) =>
      answer(got.path === '/b' ? 400 : 200, got.path === '/a' ? reply : {})(got, response),
    )
    const lineage = new LineageRecorder()
    const [replyTopic, deadLetter] = [`${rig.topic}-replies`, { url: `${subscriber.url}/dead` }]
    await rig.admin.ensureTopic({ name: replyTopic, partitions: 1, replicationFactor: 1, config: {} })
    const outlets = [
      rig.outlet(subscriber.url, { replyTopic }),
      rig.outlet(subscriber.url, { uid: 'b', delivery: { ...retry, deadLetter } }),
    ]
    const { dispatcher } = rig.run(outlets, {}, 'd', { lineage })
    await rig.send(20)
    await eventually('all are told', () => lineage.ended.length >= 40)
    const places = lineage.ended.map(({ outlet, place }) => `${outlet} ${place.offset}`)
    expect(new Set(places).size).toBe(40)
    expect(lineage.ended).toHaveLength(40)
    const [a, b] = dispatcher.snapshot().outlets
    expect(a).toMatchObject({ delivered: 20, replied: 20, deadLettered: 0, tally: null })
    expect(b).toMatchObject({ delivered: 20, replied: 0, deadLettered: 20, tally: null })
  })

  it('nothing of what it hands to the next owner, who tells the end', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber(answer(503))
    const [first, second] = [new LineageRecorder(), new LineageRecorder()]
    const outlet = rig.outlet(subscriber.url, { delivery: { ...retry, retry: 5, backoffDelayMs: 60_000 } })
    let hand: Hand | undefined
    const membership = (handler: ConstructorParameters<typeof Hand>[0]): Hand => (hand = new Hand(handler, rig))
    rig.run([outlet], {}, 'one', { lineage: first, membership })
    await rig.send(1)
    await eventually('it was tried', () => subscriber.got.length === 1)
    await hand?.take(0)
    subscriber.behave = answer(200)
    rig.run([outlet], {}, 'two', { lineage: second })
    await eventually('it is told', () => second.ended.length === 1)
    expect(first.ended).toEqual([])
    expect(second.ended).toMatchObject([{ id: '0', status: 200 }])
  })

  it('once, also where storing the reply fails at first', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber(answer(200, reply))
    const lineage = new LineageRecorder()
    const replyTopic = `${rig.topic}-replies`
    await rig.admin.ensureTopic({ name: replyTopic, partitions: 1, replicationFactor: 1, config: {} })
    const appender = new Flaky(rig.appender)
    rig.run([rig.outlet(subscriber.url, { replyTopic, delivery: retry })], {}, 'd', { lineage, appender })
    await rig.send(1)
    await eventually('it is told', () => lineage.ended.length > 0)
    expect(lineage.ended.map(({ settled }) => settled)).toMatchObject([
      {
        outcome: 'delivered',
        attempts: 2,
        status: 200,
        replies: [{ id: 'r1', type: 'reply' }],
        failure: { destination: `kafka:${replyTopic}` },
      },
    ])
  })
})

/** Takes nothing the first time. */
class Flaky implements Appender {
  readonly #behind: Appender
  #failed = false
  constructor(behind: Appender) {
    this.#behind = behind
  }
  get pendingBytes(): number {
    return this.#behind.pendingBytes
  }
  append(record: NewRecord): Promise<Appended> {
    if (this.#failed) return this.#behind.append(record)
    this.#failed = true
    return Promise.reject(new Fault('LogUnavailable', 'away'))
  }
  close(deadlineMs: number): Promise<void> {
    return this.#behind.close(deadlineMs)
  }
}
