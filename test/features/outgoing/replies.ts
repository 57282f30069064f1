import { expect, test } from 'vitest'
import { answer, type Behaviour } from '../dispatcher-rig.ts'
import { ce, type OutgoingScene, type Play, type Stored } from './scene.ts'

const structured = (id: string) => JSON.stringify({ specversion: '1.0', id, source: '/s', type: 't', data: { n: 1 } })
const jsonEvent = (body: string): Behaviour => answer(200, { 'content-type': 'application/cloudevents+json' }, body)
const batch = (...events: string[]): Behaviour =>
  answer(200, { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' }, `[${events.join(',')}]`)
const ids = (stored: readonly Stored[]) => stored.map(({ headers }) => headers['ce_id'])

interface Row {
  readonly rule: string
  readonly answered: Behaviour
  /** Ids of what is stored. */
  readonly stored: readonly string[]
  readonly outlet?: Play['outlet']
  /** Default: delivered. */
  readonly end?: 'parked'
}

const rows: readonly Row[] = [
  { rule: 'an event in binary mode is a reply', answered: answer(200, ce, 'yes'), stored: ['r1'] },
  { rule: 'an event without data is a reply', answered: answer(200, ce), stored: ['r1'] },
  { rule: 'an event with an answer 201 is a reply', answered: answer(201, ce), stored: ['r1'] },
  { rule: 'an event in structured mode is a reply', answered: jsonEvent(structured('s')), stored: ['s'] },
  {
    rule: 'each event of a batch is a reply',
    answered: batch(...['a', 'b', 'c'].map(structured)),
    stored: ['a', 'b', 'c'],
  },
  { rule: 'an empty batch is a success', answered: batch(), stored: [] },
  { rule: 'an event with an answer 202 is no reply', answered: answer(202, ce, 'x'), stored: [] },
  {
    rule: 'an event with an answer 202 is no reply where replies are strict',
    ...{ answered: answer(202, ce, 'x'), stored: [], outlet: { strictReplies: true } },
  },
  {
    rule: 'an empty body of the media type of events is a success',
    ...{ answered: jsonEvent(''), stored: [], outlet: { strictReplies: true } },
  },
  {
    rule: 'a body that does not claim to be an event is a success',
    ...{ answered: answer(200, { 'content-type': 'text/html' }, '<p>thanks'), stored: [] },
  },
  {
    rule: 'a large body that does not claim to be an event is a success',
    ...{ answered: answer(200, {}, Buffer.alloc(300_000)), stored: [] },
  },
  {
    rule: 'a body that does not claim to be an event is a failure without retry where replies are strict',
    ...{ answered: answer(200, { 'content-type': 'text/html' }, '<p>thanks'), stored: [] },
    ...{ outlet: { strictReplies: true }, end: 'parked' },
  },
  {
    rule: 'an answer without a body is a success where replies are strict',
    ...{ answered: answer(200), stored: [], outlet: { strictReplies: true } },
  },
  {
    rule: 'an event is a reply where replies are strict',
    ...{ answered: answer(200, ce), stored: ['r1'], outlet: { strictReplies: true } },
  },
  {
    rule: 'a body that claims to be an event and is none is a failure without retry',
    ...{ answered: jsonEvent('{"a":'), stored: [], end: 'parked' },
  },
  {
    rule: 'headers that claim to be an event and are none are a failure without retry',
    ...{ answered: answer(200, { 'ce-specversion': '1.0', 'ce-id': 'r' }, 'x'), stored: [], end: 'parked' },
  },
  {
    rule: 'an event format that we do not know is a failure without retry',
    ...{ answered: answer(200, { 'content-type': 'application/cloudevents+xml' }, '<e/>'), stored: [], end: 'parked' },
  },
  {
    rule: 'of a batch with one event that is none nothing is stored',
    ...{ answered: batch(structured('a'), '{"id":"b"}'), stored: [], end: 'parked' },
  },
  {
    rule: 'a reply larger than is taken is a failure without retry',
    ...{ answered: answer(200, ce, Buffer.alloc(150_000)), stored: [], end: 'parked' },
  },
]

/** What an answer brings back into the Broker. */
export function replyRules(scene: () => OutgoingScene): void {
  for (const { rule, answered, stored, outlet = {}, end } of rows)
    test(rule, async () => {
      const outcome = await scene().play({ answers: [answered], outlet, replies: {} })
      expect(outcome.tries.length).toBe(1)
      expect(ids(outcome.replies)).toEqual(stored)
      expect(outcome.snapshot).toMatchObject(end === 'parked' ? { parked: 1 } : { delivered: 1, parked: 0 })
    })

  test('a reply keeps what it says, but for its arrival and its hops, which are ours to say', async () => {
    const before = Date.now()
    const { replies } = await scene().play({
      answers: [
        answer(
          200,
          {
            ...{ ...ce, 'ce-partitionkey': 'k', 'ce-mine': 'a%20b', 'content-type': 'text/plain' },
            ...{ 'ce-knativearrivaltime': '2001-01-01T00:00:00Z', 'ce-knativebrokerttl': '9999' },
          },
          'yes',
        ),
      ],
      event: { headers: { 'ce-knativebrokerttl': '10' } },
      replies: {},
    })
    const [{ headers, key, value } = { headers: {} as Stored['headers'], key: null, value: null }] = replies
    expect(headers).toMatchObject({ ce_id: 'r1', ce_type: 'reply', ce_mine: 'a b', 'content-type': 'text/plain' })
    // 10 when it was sent, 9 when it was stored
    expect(headers['ce_knativebrokerttl']).toBe('8')
    expect(headers['ce_knativearrivaltime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(Date.parse(headers['ce_knativearrivaltime'] ?? '')).toBeGreaterThanOrEqual(before)
    expect([key, String(value)]).toEqual(['k', 'yes'])
  })

  test('a reply to an event that does not say its hops has 254 left', async () => {
    const { replies } = await scene().play({ answers: [answer(200, ce)], replies: {} })
    expect(replies[0]?.headers['ce_knativebrokerttl']).toBe('254')
  })

  test('without a place for replies they are dropped, and the event is delivered', async () => {
    const { snapshot } = await scene().play({ answers: [answer(200, ce)] })
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })

  test('a reply that the log refuses fails the delivery, and its topic is told as the place', async () => {
    const { tries, parked, replyTopic, replies } = await scene().play({
      answers: [answer(200, ce, Buffer.alloc(20_000))],
      replies: { 'max.message.bytes': '5000' },
    })
    // too large once is too large ever after
    expect(tries.length).toBe(1)
    expect(parked[0]?.headers['ce_knativeerrordest']).toBe(`kafka:${replyTopic}`)
    expect(replies).toEqual([])
  })

  test('a batch of which one event cannot be stored fails the delivery: its event is not lost', async () => {
    const large = JSON.stringify({ specversion: '1.0', id: 'large', source: '/s', type: 't', data: 'x'.repeat(20_000) })
    const { tries, parked, replies } = await scene().play({
      answers: [batch(structured('small'), large)],
      replies: { 'max.message.bytes': '5000' },
    })
    expect([tries.length, parked.length]).toEqual([1, 1])
    // it is appended all at once: others of the batch may be stored
    expect(ids(replies)).not.toContain('large')
  })

  const echo: Behaviour = (got, response) =>
    answer(200, { ...ce, 'ce-type': got.type, 'ce-id': `${got.id}+` }, 'again')(got, response)

  test('a function that answers with what its own filter passes ends when the hops are used up: in the dead letter', async () => {
    const { tries, dead, snapshot, fault } = await scene().play({
      ...{ answers: [echo], deadLetter: [answer(200)], ends: 3 },
      event: { headers: { 'ce-knativebrokerttl': '4' } },
      outlet: { replyTopic: scene().mill.rig.topic },
    })
    expect(tries.map(({ headers }) => headers['ce-knativebrokerttl'])).toEqual(['3', '2', '1'])
    expect(dead.map(({ id, headers }) => [id, headers['ce-knativebrokerttl']])).toEqual([[tries[2]?.id, '1']])
    expect(dead[0]?.headers['ce-knativeerrordest']).toBe(`kafka:${scene().mill.rig.topic}`)
    expect(snapshot).toMatchObject({ delivered: 3, parked: 0, looped: 1 })
    expect(fault?.reason).toBe('LoopDetected')
    expect(fault?.message).toMatch(/^A reply was not stored.* filter/)
  })

  test('without a dead letter sink it is parked, without a retry', async () => {
    const { tries, parked, snapshot } = await scene().play({
      ...{ answers: [echo], ends: 1 },
      event: { headers: { 'ce-knativebrokerttl': '2' } },
      outlet: { replyTopic: scene().mill.rig.topic },
    })
    expect([tries.length, parked.length]).toEqual([1, 1])
    expect(snapshot).toMatchObject({ delivered: 0, parked: 1, looped: 1 })
  })
}
