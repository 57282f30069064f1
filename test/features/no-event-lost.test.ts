import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { describeGroup } from '../support/kafka-process.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { inletOn, outletOn, RoutesFile, startDispatcher, startIngress } from '../support/millrace.ts'
import { startRecorder, type Recorder } from '../support/recorder.ts'
import { sendEvents, sendFromOutside } from '../support/sender.ts'
import { createTopic, lags } from '../support/topics.ts'

/** How many events a run takes; more for a soak: MILLRACE_TEST_EVENTS=200000. Only a soak, with the machine to itself, asks for a rate. */
const soak = 200_000
const events = Number(process.env['MILLRACE_TEST_EVENTS'] ?? 15_000)
const partitions = 10
const window = 100
/** Positions are committed at the latest this long after an outcome. */
const commitMs = 250
const patience = { withinMs: 90_000 + events }

/** What can be delivered again after a kill: what was in flight, and the outcomes not yet committed at the rate of the run. */
function mayRepeat(recorder: Recorder, kills: number): number {
  const { deliveries } = recorder
  const seconds = ((deliveries.at(-1)?.at ?? 0) - (deliveries[0]?.at ?? 0)) / 1000
  return kills * (window * partitions + (deliveries.length / seconds) * (commitMs / 1000))
}

test(
  'kill -9 of the dispatcher twice under load: three Triggers, no event lost, few repeated',
  { timeout: 300_000 + events * 2 },
  async () => {
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
    await using all = await startRecorder()
    await using filtered = await startRecorder()
    await using replying = await startRecorder((_, id) => ({
      status: 200,
      headers: {
        'ce-specversion': '1.0',
        'ce-id': `reply-to-${id}`,
        'ce-source': '/replier',
        'ce-type': 'com.example.reply',
      },
    }))
    const outlets = [
      outletOn(topic, all.url),
      outletOn(topic, filtered.url, { filter: { attributes: { kind: 'seventh' } } }),
      outletOn(topic, replying.url, {
        filter: { attributes: { kind: 'seventh', type: 'com.example.test' } },
        replyTopic: topic,
      }),
    ] as const
    const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets })
    const { child, url } = await startIngress(routes, kafka)
    await using _ingress = child
    const fleet = uniqueGroup()
    const sent = sendFromOutside(url, events, 128)

    let dispatcher = startDispatcher(routes, kafka, 'only', fleet)
    for (const share of [0.3, 0.6]) {
      await eventually(`${share} of the events are delivered`, () => all.counts.size > events * share, patience)
      dispatcher.signal('SIGKILL')
      await dispatcher.exited
      dispatcher = startDispatcher(routes, kafka, 'only', fleet)
    }
    await using last = dispatcher
    const { again, ms } = await sent
    expect(again).toBe(0)
    const perSecond = Math.round((events / ms) * 1000)
    console.log(`${events} events in at ${perSecond}/s while the dispatcher delivered and was killed twice`)
    if (events >= soak) expect(perSecond).toBeGreaterThanOrEqual(5_000)

    const sevenths = Math.ceil(events / 7)
    const arrived = (recorder: Recorder) => new Set([...recorder.counts.keys()].filter((id) => !id.startsWith('reply')))
    await eventuallyPasses(
      'every event is at each subscriber that wants it, and every reply',
      () => {
        expect([arrived(all).size, filtered.counts.size, replying.counts.size]).toEqual([events, sevenths, sevenths])
        expect(all.counts.size).toBe(events + sevenths)
      },
      patience,
    )
    for (const recorder of [filtered, replying]) expect(recorder.duplicates).toBeLessThanOrEqual(mayRepeat(recorder, 2))
    // A replier asked twice replies twice: with the same id, so these count as repeated here.
    expect(all.duplicates).toBeLessThanOrEqual(mayRepeat(all, 2) + replying.duplicates)

    // at its end it commits what filters alone have passed since
    await last.stop()
    for (const { group } of outlets.slice(0, 2))
      expect(await lags(kafka, group, topic)).toEqual(Array.from({ length: partitions }, () => 0))
    const shown = await describeGroup(kafka, outlets[0].group)
    expect(shown).toMatch(new RegExp(`${outlets[0].group}\\s+${topic}\\s+\\d+\\s+\\d+\\s+\\d+\\s+0\\b`))
  },
)

test('a dispatcher frozen for 30 s and back: nothing lost, positions not behind', { timeout: 300_000 }, async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
  await using recorder = await startRecorder()
  const outlet = outletOn(topic, recorder.url)
  const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets: [outlet] })
  const { child, url } = await startIngress(routes, kafka)
  await using _ingress = child
  const fleet = uniqueGroup()
  await using _first = startDispatcher(routes, kafka, 'first', fleet)
  await using second = startDispatcher(routes, kafka, 'second', fleet)
  const count = Math.min(events, 4_000)
  await sendEvents({ url, count: count / 2 })
  await eventually('half of the events are delivered', () => recorder.counts.size === count / 2, patience)

  second.signal('SIGSTOP')
  await sendEvents({ url, from: count / 2, count: count / 4 })
  await wait(30_000)
  second.signal('SIGCONT')
  await sendEvents({ url, from: (count * 3) / 4, count: count / 4 })

  await eventually('every event is delivered', () => recorder.counts.size === count, patience)
  await eventuallyPasses(
    'positions reach the end',
    async () => {
      expect(await lags(kafka, outlet.group, topic)).toEqual(Array.from({ length: partitions }, () => 0))
    },
    { withinMs: 70_000, everyMs: 1_000 },
  )
})

test(
  'dispatchers share partitions, one joins and leaves under load: order per partition kept, nothing lost',
  { timeout: 300_000 },
  async () => {
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
    await using recorder = await startRecorder()
    const routes = new RoutesFile({
      inlets: [inletOn(topic)],
      outlets: [outletOn(topic, recorder.url, { order: 'ordered' })],
    })
    const { child, url } = await startIngress(routes, kafka)
    await using _ingress = child
    const fleet = uniqueGroup()
    await using _first = startDispatcher(routes, kafka, 'first', fleet)
    await using _second = startDispatcher(routes, kafka, 'second', fleet)
    const count = Math.min(events, 20_000)
    const sending = sendEvents({ url, count })
    await eventually('a quarter is delivered', () => recorder.counts.size > count / 4, patience)
    {
      await using _third = startDispatcher(routes, kafka, 'third', fleet)
      await eventually('half is delivered', () => recorder.counts.size > count / 2, patience)
    }
    await sending
    await eventually('every event is delivered', () => recorder.counts.size === count, patience)
    expect(inversions(recorder)).toBe(0)
    expect(recorder.duplicates).toBe(0)
  },
)

/** How often a first delivery came after one of a later offset of its partition. */
function inversions(recorder: Recorder): number {
  const last = new Map<number, number>()
  const seen = new Set<string>()
  let count = 0
  for (const { id, partition, offset } of recorder.deliveries) {
    if (seen.has(id)) continue
    seen.add(id)
    if (offset < (last.get(partition) ?? -1)) count += 1
    last.set(partition, offset)
  }
  return count
}
