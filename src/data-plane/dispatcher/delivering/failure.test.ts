import { expect, it } from 'vitest'
import { failedEvent, failureOf } from './failure.ts'
import { whyNoAnswer } from './no-answer.ts'

const source = { kind: 'Trigger', namespace: 'shop', name: 'orders' }
const event = (attributes: Record<string, string>) => ({ attributes: new Map(Object.entries(attributes)), data: null })

it('of a large answer only what the event will tell is kept, however long the event waits for its dead letter sink', () => {
  const headers = { 'x-large': 'x'.repeat(30_000), 'kne-hint': 'blue' }
  const answer = { status: 200, headers, body: Buffer.alloc(2 ** 20), cut: false }
  const failure = failureOf(source, 'http://a/', 'its reply is no valid CloudEvent', answer)
  expect(failure.attributes).toContain('blue')
  expect(JSON.stringify(failure).length).toBeLessThan(3_000)
})

it('what an earlier failure said of an event is gone when it fails anew', () => {
  const before = event({ id: '1', knativeerrorcode: '422', knativeerrordata: 'eA==', knativeerrordest: 'http://old/' })
  const { attributes } = failedEvent(before, failureOf(source, 'http://a/', 'it was away', null).attributes)
  expect(Object.fromEntries(attributes)).toEqual({
    id: '1',
    knativeerrordest: 'http://a/',
    knativeerrorreason: 'it was away',
    knativeerrortrigger: 'shop/orders',
  })
})

it('a subscriber of which no address can be reached is told with what each of them said', () => {
  const errors = ['connect ECONNREFUSED ::1:80', 'connect ECONNREFUSED 127.0.0.1:80'].map((text) => new Error(text))
  expect(whyNoAnswer(new AggregateError(errors))).toBe('connect ECONNREFUSED ::1:80, connect ECONNREFUSED 127.0.0.1:80')
  expect(whyNoAnswer(new TypeError(''))).toBe('TypeError')
})
