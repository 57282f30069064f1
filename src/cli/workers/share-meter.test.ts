import { expect, test } from 'vitest'
import { longestMessage, ShareMeter, type Counted } from './share-meter.ts'

const counted = (some: Partial<Counted> = {}): Counted => ({
  ...{ delivered: 0, deadLettered: 0, parked: 0, dropped: 0, lost: 0, replied: 0, lastDelivery: null, lastError: null },
  ...some,
})
const lastDelivery = Date.parse('2026-01-01T00:00:09.700Z')

test('what the subscriber took is its rate; what became of other events is counted', () => {
  const meter = new ShareMeter(undefined, 0)
  const snapshot = counted({ delivered: 130, deadLettered: 10, parked: 2, lost: 1, replied: 9, lastDelivery })
  expect(meter.share(60_000, snapshot, undefined)).toEqual({
    rate: 2,
    lastDelivery: '2026-01-01T00:00:09Z',
    undelivered: { deadLettered: 10, parked: 2, expired: 1 },
    replied: 9,
  })
})

test('where nothing was to do there is nothing to say', () =>
  expect(new ShareMeter(undefined, 0).share(60_000, counted(), undefined)).toEqual({}))

test('it goes on where the process of its name stopped, and no count falls when the dispatcher is made anew', () => {
  const before = { lastDelivery: '2026-02-01T00:00:00Z', undelivered: { parked: 40, dropped: 1 }, replied: 6 }
  const meter = new ShareMeter(before, 0)
  expect(meter.share(60_000, counted({ lastDelivery }), before)).toEqual(before)
  expect(meter.share(62_000, counted({ parked: 3 }), before).undelivered).toEqual({ parked: 43, dropped: 1 })
  expect(meter.share(64_000, counted({ parked: 1 }), before).undelivered).toEqual({ parked: 44, dropped: 1 })
  expect(meter.share(64_000, counted({ parked: 1, replied: 2 }), before).replied).toBe(8)
  expect(meter.share(66_000, counted({ parked: 2 }), before).undelivered).toEqual({ parked: 45, dropped: 1 })
})

test('the last error stays, and is bounded', () => {
  const meter = new ShareMeter(undefined, 0)
  const message = 'x'.repeat(10_000)
  const { lastError } = meter.share(60_000, counted({ lastError: { at: lastDelivery, message } }), undefined)
  expect(lastError).toEqual({ time: '2026-01-01T00:00:09Z', message: message.slice(0, longestMessage) })
})

test('no character is cut in two: the API server would store another one, and we would write it again for ever', () => {
  const message = `${'x'.repeat(longestMessage - 1)}😀 \ud83d`
  const { lastError } = new ShareMeter(undefined, 0).share(
    1_000,
    counted({ lastError: { at: lastDelivery, message } }),
    undefined,
  )
  expect(lastError?.message.isWellFormed()).toBe(true)
})
