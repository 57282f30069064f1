import { describe, expect, it } from 'vitest'
import type { FoundRecord, OutletStanding, Settled, Standing, StandingAnswer } from '../../../contract/lineage.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import type { FilterSpec } from '../../../event/filter-spec.ts'
import { deliveriesOf, type Evidence } from './fate.ts'
import { wordsOf } from './words.ts'

const sent = Date.parse('2026-11-22T09:00:00Z')
const now = sent + 60_000
const place = { topic: 'orders', partition: 3, offset: 17 }

const outlet = (more: Partial<Outlet> = {}): Outlet => ({
  uid: 'u1',
  generation: 4,
  source: { kind: 'Trigger', namespace: 'shop', name: 'bills' },
  topic: 'orders',
  group: 'knative-trigger-shop-bills',
  start: 'latest',
  filter: { attributes: {} },
  subscriber: { url: 'http://bills/' },
  delivery: { retry: 3, backoffPolicy: 'linear', backoffDelayMs: 100, timeoutMs: 1_000 },
  parking: { topic: 'orders__parked', partitions: 1, replicationFactor: 1 },
  order: 'unordered',
  ...more,
})

const attributes = { specversion: '1.0', id: 'a', source: '/s', type: 'order.created' }
const record: FoundRecord = { place, timestamp: sent, attributes, dataBytes: 2 }

const settled = (more: Partial<Settled> = {}): Standing => ({
  kind: 'settled',
  settled: { at: sent + 5, outcome: 'delivered', attempts: 1, status: 200, tookMs: 4, ...more },
})
const pending = (more: Partial<Extract<Standing, { kind: 'pending' }>>): Standing => ({
  kind: 'pending',
  state: 'asking',
  phase: 'subscriber',
  attempts: 1,
  ...more,
})
const failure = { destination: 'http://bills/', reason: 'answered 503' }
const passed: Standing = { kind: 'passed', position: 20 }
const bills: FilterSpec = { all: [{ exact: { type: 'bill.paid' } }] }

const says = (worker: string, standing: Standing, more: Partial<OutletStanding> = {}): StandingAnswer => ({
  worker,
  remembersFrom: sent - 1_000,
  outlets: [{ outlet: outlet(), standing, ...more }],
})
const evidence = (standings: readonly StandingAnswer[], more: Partial<Evidence> = {}): Evidence => ({
  record,
  at: sent,
  standings,
  outlets: [],
  parked: [],
  ...more,
})

const reply = { place: { ...place, offset: 18 }, id: 'b', source: '/bills', type: 'bill.made' }
const copy: FoundRecord = {
  place: { topic: 'orders__parked', partition: 0, offset: 0 },
  timestamp: sent + 9,
  attributes: {
    ...attributes,
    knativekafkatopic: 'orders',
    knativekafkapartition: '3',
    knativekafkaoffset: '17',
    knativeerrortrigger: 'shop/bills',
    knativeerrordest: 'http://bills/',
    knativeerrorreason: 'answered 422',
  },
  dataBytes: 2,
}
const copyOf = (more: Readonly<Record<string, string>>): FoundRecord => ({
  ...copy,
  attributes: { ...copy.attributes, ...more },
})

describe('the fate of an event at an Outlet', () => {
  const one = (standing: Standing, more: Partial<OutletStanding> = {}) => evidence([says('d0', standing, more)])
  it.for<[what: string, of: Evidence, kind: string, word: string, line: RegExp | null]>([
    [
      'delivered',
      one(settled()),
      'delivered',
      'delivered',
      /^http:\/\/bills\/ answered 200 at 2026-11-22T09:00:00.005Z, at the first attempt, in 4 ms$/,
    ],
    [
      'delivered after some attempts',
      one(settled({ attempts: 3, tookMs: 2_500, failure })),
      'delivered',
      'delivered',
      /after 3 attempts, in 2.5 s\nThe last failure before: http:\/\/bills\/: answered 503$/,
    ],
    ['replied', one(settled({ replies: [reply] })), 'replied', 'delivered, and replied', /answered 200/],
    [
      'dead-lettered',
      one(settled({ outcome: 'deadLettered', attempts: 5, failure, takenBy: 'http://lost/' })),
      'deadLettered',
      'dead-lettered',
      /^to http:\/\/lost\/ at .*, after 5 attempts.*\nWhy: http:\/\/bills\/: answered 503$/,
    ],
    [
      'parked',
      one(settled({ outcome: 'parked', failure, takenBy: 'kafka:orders__parked' })),
      'parked',
      'parked',
      /^in topic orders__parked at .*\nWhy: http:\/\/bills\/: answered 503$/,
    ],
    ['dropped', one(settled({ outcome: 'dropped', failure })), 'dropped', 'dropped', /^at 2026.*\nWhy: /],
    [
      'dropped, and the answer alone is known',
      one(settled({ outcome: 'dropped', status: 422 })),
      'dropped',
      'dropped',
      /Why: the last answer was 422$/,
    ],
    [
      'being delivered',
      one(pending({ state: 'asking' })),
      'asking',
      'being delivered',
      /^to its subscriber now, 1 attempt so far$/,
    ],
    [
      'waits for its next try',
      one(pending({ state: 'waiting', attempts: 2, failure, nextAt: now + 4_000 })),
      'retrying',
      'retried',
      /^2 attempts so far; the next one at 2026-11-22T09:01:04.000Z \(in 4s\), to its subscriber\nThe last failure: http:\/\/bills\/: answered 503$/,
    ],
    [
      'waits for its next try at the dead letter sink',
      one(pending({ state: 'waiting', phase: 'deadLetter', nextAt: now })),
      'retrying',
      'retried',
      /to its dead letter sink$/,
    ],
    ['waits for one before it', one(pending({ state: 'held' })), 'held', 'waits', /an event before it/],
    ['was begun, and is paused', one(pending({ state: 'paused' })), 'paused', 'paused', /on purpose; it waits$/],
    [
      'is paused',
      one({ kind: 'ahead', position: 3, behind: 14 }, { outlet: outlet({ paused: true }) }),
      'paused',
      'paused',
      /it waits behind 14 others$/,
    ],
    ['not read yet', one({ kind: 'ahead', position: 16, behind: 1 }), 'waiting', 'waits behind 1 other', null],
    [
      'not read yet, and will not pass',
      one({ kind: 'ahead', position: 17, behind: 0 }, { outlet: outlet({ filter: bills }) }),
      'waiting',
      'waits',
      /will not let it through/,
    ],
    ['starting', one({ kind: 'starting' }), 'starting', 'starting', /no position/],
    [
      'filtered',
      one(passed, { outlet: outlet({ filter: bills }) }),
      'filtered',
      'not passed by its filter',
      /^filters\[0\].exact.type: "order.created" is not "bill.paid"$/,
    ],
    [
      'filtered by the older field',
      one(passed, { outlet: outlet({ filter: { attributes: { source: '/x' } } }) }),
      'filtered',
      'not passed by its filter',
      /^filter.attributes.source: "\/s" is not "\/x"/,
    ],
    ['began later', one(passed, { startedAt: sent + 1 }), 'later', 'began later', /2026-11-22T09:00:00.001Z/],
    [
      'began later, by a time that it names',
      one(passed, { outlet: outlet({ start: 'earliest', startAtMs: sent + 1 }) }),
      'later',
      'began later',
      null,
    ],
    [
      'began later, but reads all',
      one(passed, { startedAt: sent + 1, outlet: outlet({ start: 'earliest' }) }),
      'forgotten',
      'finished, no longer remembered',
      null,
    ],
    [
      'forgotten',
      one(passed, { startedAt: sent - 1 }),
      'forgotten',
      'finished, no longer remembered',
      /^it was delivered, dead-lettered or dropped; no copy of it is in orders__parked\. Its filter .*\nThe memory of d0, .* back to 2026-11-22T08:59:59.000Z/,
    ],
    [
      'forgotten, and Kafka has it no longer',
      evidence([says('d0', passed)], { record: null }),
      'forgotten',
      'finished, no longer remembered',
      /^it was filtered, delivered/,
    ],
    [
      'forgotten, but a copy is parked',
      evidence([says('d0', passed)], { parked: [copy] }),
      'foundParked',
      'parked',
      /^in topic orders__parked, partition 0, offset 0.*\nWhy: http:\/\/bills\/: answered 422$/,
    ],
    [
      'forgotten, and the copy is that of another Trigger',
      evidence([says('d0', passed)], { parked: [copyOf({ knativeerrortrigger: 'shop/bills2' })] }),
      'forgotten',
      'finished, no longer remembered',
      null,
    ],
    [
      'forgotten, and the copy is of another event of that id',
      evidence([says('d0', passed)], { parked: [copyOf({ knativekafkaoffset: '1' })] }),
      'forgotten',
      'finished, no longer remembered',
      null,
    ],
    [
      'a record that is no event, passed by all',
      evidence([says('d0', { kind: 'ahead', position: 0, behind: 17 })], { record: { ...record, attributes: null } }),
      'waiting',
      'waits behind 17 others',
      null,
    ],
    ['nobody speaks for it', evidence([], { outlets: [outlet()] }), 'unknown', 'not known', /no dispatcher/],
    [
      'nobody speaks for it, and the filter says enough',
      evidence([], { outlets: [outlet({ filter: bills })] }),
      'filtered',
      'not passed by its filter',
      null,
    ],
  ])('%s', ([, of, kind, word, line]) => {
    const deliveries = deliveriesOf(of)
    expect(deliveries.map(({ fate }) => fate.kind)).toEqual([kind])
    const words = deliveries.map((delivery) => wordsOf(delivery, now))
    expect(words.map((each) => each.word)).toEqual([word])
    if (line !== null) expect(words[0]?.lines.join('\n')).toMatch(line)
  })
})

describe('what several workers say of one Outlet', () => {
  it.for<[what: string, said: readonly StandingAnswer[], kind: string, worker: string]>([
    [
      'the former owner remembers, the new one is past it',
      [says('new', passed), says('old', settled())],
      'delivered',
      'old',
    ],
    [
      'the former owner thinks it lies ahead',
      [says('old', { kind: 'ahead', position: 1, behind: 16 }), says('new', settled())],
      'delivered',
      'new',
    ],
    [
      'the former owner is past it, the new one is at work',
      [says('old', passed), says('new', pending({}))],
      'asking',
      'new',
    ],
  ])('%s', ([, said, kind, worker]) => {
    expect(deliveriesOf(evidence(said))).toMatchObject([{ worker, fate: { kind } }])
  })

  it('delivered twice: the last time counts, and the first is told', () => {
    const twice = [says('old', settled({ outcome: 'parked' })), says('new', settled({ at: sent + 900 }))]
    expect(deliveriesOf(evidence(twice))).toMatchObject([
      { worker: 'new', fate: { kind: 'delivered' }, also: [{ outcome: 'parked', at: sent + 5 }] },
    ])
  })

  it('each Outlet by itself, in the order of their names', () => {
    const other = outlet({ uid: 'u0', source: { kind: 'Trigger', namespace: 'shop', name: 'all' } })
    const said = evidence([says('d0', settled()), says('d1', pending({}), { outlet: other })], {
      outlets: [outlet(), other],
    })
    expect(deliveriesOf(said).map(({ of, fate }) => [of.name, fate.kind])).toEqual([
      ['all', 'asking'],
      ['bills', 'delivered'],
    ])
  })
})
