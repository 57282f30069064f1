import { describe, expect, it } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { DispatcherMetrics } from '../../src/data-plane/dispatcher/metrics.ts'
import { KafkaMetrics } from '../../src/kafka/kafka-metrics.ts'
import { meteredLog } from '../../src/kafka/metered-log.ts'
import { Metrics } from '../../src/telemetry/metrics/metrics.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { MetricsPage } from '../support/metrics-page.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Runner } from './dispatcher-rig.ts'

const tallies = { tallies: true }

function metered(runner: Runner, most?: number): () => Promise<MetricsPage> {
  const metrics = new Metrics()
  const told = new DispatcherMetrics(clock, most)
  metrics.add(told)
  told.watch(runner.dispatcher)
  return async () => new MetricsPage(Buffer.concat(await metrics.page('text')).toString())
}

describe('the metrics of a dispatcher', () => {
  it('give no more objects than the bound series of their own, and add up the others', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber()
    const uids = ['a', 'b', 'c', 'd']
    const outlets = uids.map((uid) => rig.outlet(subscriber.url, { uid }))
    const runner = rig.run(outlets, tallies)
    for (const uid of uids) await rig.consuming(runner, uid)
    const page = metered(runner, 2)
    await rig.send(3)
    await eventually('all are delivered', () => subscriber.got.length === 12)
    await eventuallyPasses('all are counted', async () => {
      const now = await page()
      for (const name of ['a', 'b'])
        expect(now.value('millrace_delivered_events_total', `kn_trigger_name="${name}"`)).toBe(3)
      expect(now.value('millrace_delivered_events_total', 'kn_trigger_name="(other)"')).toBe(6)
    })
    expect((await page()).text).not.toContain('kn_trigger_name="c"')
    // one of the others goes: what it counted stays in the sum
    runner.routes.outlets.delete('c')
    await eventually('it is gone', async () => (await page()).value('millrace_outlets') === 3)
    const after = await page()
    expect(after.value('millrace_delivered_events_total', 'kn_trigger_name="(other)"')).toBe(6)
  })

  it('tell Outlets of one source apart by topic', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber()
    const source = { kind: 'KafkaSource', namespace: 'shop', name: 'orders' }
    const runner = rig.run([rig.outlet(subscriber.url, { source })], tallies)
    await rig.consuming(runner)
    await rig.send(1)
    const page = metered(runner)
    const labels = [`kn_kafkasource_name="orders"`, `messaging_destination_name="${rig.topic}"`]
    await eventually(
      'it is delivered',
      async () => (await page()).value('millrace_delivered_events_total', ...labels) === 1,
    )
  })

  it('know how old a backlog is, also right after a start', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber(() => undefined)
    const sent = Date.now()
    await rig.send(2)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const runner = rig.run([rig.outlet(subscriber.url, { order: 'ordered' })], tallies)
    await eventually('the first is under way', () => subscriber.got.length === 1)
    const now = await metered(runner)()
    const age = now.value('millrace_delivery_oldest_age_seconds') ?? 0
    expect(age).toBeGreaterThanOrEqual(0.3)
    expect(age).toBeLessThanOrEqual((Date.now() - sent) / 1000 + 0.01)
    expect(now.value('millrace_delivery_lag_events')).toBe(2)
  })

  it('tell of events that block', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber(answer(400))
    const runner = rig.run([rig.outlet(subscriber.url, { onExhausted: 'block' })], tallies)
    await rig.consuming(runner)
    const page = metered(runner)
    await rig.send(1)
    await eventually('it blocks', async () => (await page()).value('millrace_blocked_events') === 1)
    subscriber.behave = answer(200)
    await eventually('it does no more', async () => (await page()).value('millrace_blocked_events') === undefined)
  })

  it('count nothing of answers unless that is asked for', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber()
    const runner = rig.run([rig.outlet(subscriber.url)])
    await rig.consuming(runner)
    await rig.send(1)
    await eventually('it is delivered', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 1)
    expect(runner.dispatcher.snapshot().outlets[0]?.tally).toBeNull()
    expect((await metered(runner)()).value('http_events_sent_total')).toBeUndefined()
  })
})

describe('the metrics of a log', () => {
  it('count round trips, and what came and went of partitions', async () => {
    await using rig = await embeddedRig(3)
    await using subscriber = await startSubscriber()
    const metrics = new Metrics()
    const kafka = new KafkaMetrics(metrics)
    const log = meteredLog(rig.log, kafka)
    let hand: Hand | undefined
    const membership = (handler: ConstructorParameters<typeof Hand>[0]): Hand =>
      (hand = new Hand(kafka.member(handler).handler, rig))
    const parts = {
      membership,
      positions: log.positions(),
      reader: log.reader(),
      appender: log.appender(),
      admin: log.admin(),
    }
    const runner = rig.run([rig.outlet(subscriber.url)], { commitIntervalMs: 20 }, 'm', parts)
    await rig.consuming(runner)
    await rig.send(1)
    const page = async () => new MetricsPage(Buffer.concat(await metrics.page('text')).toString())
    await eventuallyPasses('all is counted', async () => {
      const now = await page()
      expect(now.value('millrace_partitions_owned')).toBe(3)
      expect(now.value('millrace_partition_changes_total', 'change="assigned"')).toBe(3)
      for (const operation of ['commit', 'positions', 'admin'])
        expect(now.value('millrace_kafka_request_duration_seconds_count', `"${operation}"`), operation).toBeGreaterThan(
          0,
        )
      expect(now.value('millrace_kafka_request_failures_total')).toBe(0)
    })
    await hand?.take(0)
    hand?.lose()
    const now = await page()
    expect(now.value('millrace_partitions_owned')).toBe(0)
    expect(now.value('millrace_partition_changes_total', 'change="revoked"')).toBe(1)
    expect(now.value('millrace_partition_changes_total', 'change="lost"')).toBe(2)
  })
})
