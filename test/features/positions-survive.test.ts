import type { Admin } from 'kafkajs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import type { OutletReport } from '../../src/contract/route-source.ts'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import type { Appender } from '../../src/kafka/log.ts'
import type { Child } from '../support/child.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, type Foreign } from '../support/foreign.ts'
import { startKafka } from '../support/kafka-process.ts'
import { uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { outletOn, RoutesFile, startDispatcher } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

/** Three times what the broker keeps a position for. */
const watchMs = Number(process.env['MILLRACE_TEST_SURVIVE_MINUTES'] ?? 3) * 60_000
const lookMs = 2_500
/** Partition 0 goes on, 1 and 2 get their last event before, 3 never gets any. */
const partitions = 4
const first = 10
const patience = { withinMs: 60_000 }

test(
  'a broker that forgets positions after a minute: a new group, an adopted one, idle partitions, and Outlets that are paused or cannot deliver keep theirs, and a restart repeats nothing',
  { timeout: watchMs + 240_000 },
  async () => {
    await using kafka = await startKafka({
      set: { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '2000' },
    })
    const { bootstrap } = kafka
    await using log = kafkaLog(bootstrap)
    await using foreign = await foreignClient(bootstrap)
    const topic = await createTopic(bootstrap, { name: uniqueTopic(), partitions })
    const [appender, positions, admin] = [log.appender(), log.positions(), log.admin()]
    for (const partition of [0, 1, 2]) await send(appender, topic, partition, 0, first)

    await using fresh = await startRecorder()
    await using adopted = await startRecorder()
    await using unmatched = await startRecorder()
    const outlets = [
      outletOn(topic, fresh.url),
      outletOn(topic, adopted.url),
      outletOn(topic, unmatched.url, { filter: { attributes: { type: 'never' } } }),
    ] as const
    const stuck = [
      outletOn(topic, fresh.url, { paused: true }),
      outletOn(topic, 'http://127.0.0.1:1', { onExhausted: 'block' }),
    ]
    const all = [...outlets, ...stuck]
    // What Kafka does to positions that nobody looks after: so the test knows that this one forgets.
    const leftAlone = uniqueGroup()
    const notAdopted = uniqueGroup()
    const kept = [{ topic, partition: 0, offset: 5n, leaderEpoch: -1, metadata: '' }]
    await consumeAndLeave(foreign, notAdopted, topic)
    await eventuallyPasses('a group is free for a plain commit', () => positions.commit(notAdopted, kept))
    await positions.commit(leftAlone, kept)
    // last: from now on it has a minute to be adopted
    await consumeAndLeave(foreign, outlets[1].group, topic)

    const routes = new RoutesFile({ outlets: all })
    const fleet = uniqueGroup()
    await using dispatcher = startDispatcher(routes, bootstrap, 'only', fleet)
    await consuming(dispatcher, all)
    expect((await admin.describeGroup(outlets[1].group)).kind).toBe('simple')

    const watch = new Watch(foreign.admin, topic)
    const gone = new Set<string>()
    const ends = performance.now() + watchMs
    let sent = first
    for (let round = 0; performance.now() < ends; round++) {
      for (const { group } of all) await watch.look(group)
      for (const group of [leftAlone, notAdopted]) {
        if ((await watch.offsets(group))[0] === -1) gone.add(group)
      }
      if (round % 4 === 0) await send(appender, topic, 0, sent++, 1)
      // however often it is committed
      if (round % 8 === 0 && !gone.has(notAdopted)) await positions.commit(notAdopted, kept)
      await sleep(lookMs)
    }
    expect(watch.breaches).toEqual([])
    expect(gone).toEqual(new Set([leftAlone, notAdopted]))

    for (const { group } of outlets) {
      await eventuallyPasses(
        'all is committed',
        async () => {
          expect(await watch.offsets(group)).toEqual([sent, first, first, 0])
        },
        patience,
      )
    }
    for (const { group } of stuck) expect(await watch.offsets(group)).toEqual([0, 0, 0, 0])
    await dispatcher.stop()
    await using again = startDispatcher(routes, bootstrap, 'only', fleet)
    await consuming(again, outlets)
    for (const partition of [0, 1, 2]) await send(appender, topic, partition, partition === 0 ? sent : first, 1)
    // 10 + 10 events of old, those on partition 0, and one more on each
    const events = sent + 1 + 2 * (first + 1)
    await eventually(
      'what is new came',
      () => fresh.counts.size === events && adopted.counts.size === 3 + sent - first,
      patience,
    )
    expect([fresh.duplicates, adopted.duplicates, unmatched.deliveries.length]).toEqual([0, 0, 0])
    for (const { group } of all) await watch.look(group)
    expect(watch.breaches).toEqual([])
    await appender.close(5_000)
    await Promise.all([positions.close(), admin.close()])
  },
)

/** Looks at groups with the eyes of a Kafka tool. */
class Watch {
  readonly breaches: string[] = []
  readonly #admin: Admin
  readonly #topic: string
  readonly #last = new Map<string, readonly number[]>()

  constructor(admin: Admin, topic: string) {
    this.#admin = admin
    this.#topic = topic
  }

  /** By partition; -1: none. */
  async offsets(groupId: string): Promise<number[]> {
    const [found] = await this.#admin.fetchOffsets({ groupId, topics: [this.#topic] })
    const offsets = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    return Array.from({ length: partitions }, (_, partition) => offsets.get(partition) ?? -1)
  }

  /** Notes what is missing or went back. */
  async look(group: string): Promise<void> {
    const now = await this.offsets(group)
    const before = this.#last.get(group) ?? now.map(() => 0)
    this.#last.set(group, now)
    if (now.some((offset, partition) => offset < (before[partition] ?? 0))) {
      this.breaches.push(`${group}: ${before.join(' ')} became ${now.join(' ')}`)
    }
  }
}

/** Ids are `partition/n`. */
async function send(appender: Appender, topic: string, partition: number, from: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => {
    const attributes = new Map([
      ['specversion', '1.0'],
      ['id', `${partition}/${from + i}`],
      ['source', '/test'],
      ['type', 'com.example.test'],
    ])
    return { ...toRecord({ attributes, data: Buffer.from('{}') }, topic), partition }
  })
  await Promise.all(records.map((record) => appender.append(record)))
}

/** As Knative's dispatcher before us: a member of the group consumes all that is there, commits, and leaves. */
async function consumeAndLeave({ kafka, admin }: Foreign, groupId: string, topic: string): Promise<void> {
  const consumer = kafka.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 1, eachMessage: () => Promise.resolve() })
  await eventually(
    'all is consumed',
    async () => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return found?.partitions.filter(({ offset }) => Number(offset) === first).length === 3
    },
    patience,
  )
  await consumer.disconnect()
}

async function consuming(dispatcher: Child, outlets: readonly Outlet[]): Promise<void> {
  await eventually(
    'all Outlets consume',
    () => {
      const reports = dispatcher.lines.map((line) => JSON.parse(line) as OutletReport)
      return outlets.every(({ uid }) => reports.findLast((report) => report.uid === uid)?.state === 'consuming')
    },
    patience,
  )
}
