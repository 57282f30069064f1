import { expect, test } from 'vitest'
import type { Delivery } from '../../../src/contract/outlet.ts'
import { answer, type Behaviour } from '../dispatcher-rig.ts'
import type { OutgoingScene } from './scene.ts'

const asking = (status: number, value: string): Behaviour => answer(status, { 'retry-after': value })
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString()

interface Row {
  readonly rule: string
  readonly first: () => Behaviour
  readonly delivery: Partial<Delivery>
  readonly atLeast: number
}

/** A wait of what was refused is longer than this by far: an hour, or the minute that Retry-After is bounded by. Milliseconds. */
const below = 20_000

const afterwards: readonly Row[] = [
  {
    rule: 'Retry-After in seconds on 503 is waited for',
    first: () => asking(503, '1'),
    delivery: {},
    atLeast: 995,
  },
  {
    rule: 'Retry-After as a date on 429 is waited for',
    // of the moment in which it answers; dates have no parts of a second
    first: () => (got, response) => asking(429, inSeconds(2))(got, response),
    delivery: {},
    atLeast: 995,
  },
  {
    rule: 'Retry-After is not waited for longer than retryAfterMax',
    first: () => asking(503, '3600'),
    delivery: { retryAfterMaxMs: 300 },
    atLeast: 295,
  },
  {
    rule: 'a retryAfterMax of 0 ignores Retry-After',
    first: () => asking(503, '3600'),
    delivery: { retryAfterMaxMs: 0 },
    atLeast: 0,
  },
  {
    rule: 'a Retry-After shorter than the backoff does not shorten it',
    first: () => asking(503, '1'),
    delivery: { backoffDelayMs: 1300 },
    atLeast: 1295,
  },
  ...['soon', '-1', '1.5', '1e9', '2999', '', '3600 s', '2035-01-01T00:00:00Z'].map((value) => ({
    rule: `a Retry-After that is none ("${value}") is ignored`,
    first: () => asking(503, value),
    delivery: { retryAfterMaxMs: value === '2999' ? 1 : 60_000 },
    atLeast: 0,
  })),
  {
    rule: 'a Retry-After in the past is ignored',
    first: () => asking(429, inSeconds(-100)),
    delivery: {},
    atLeast: 0,
  },
  {
    rule: 'Retry-After on 500 is ignored',
    first: () => asking(500, '3600'),
    delivery: {},
    atLeast: 0,
  },
]

/** How long is waited before an event is tried again. */
export function retryRules(scene: () => OutgoingScene): void {
  for (const { rule, first, delivery, atLeast } of afterwards)
    test(rule, async () => {
      const { waits, snapshot } = await scene().play({ answers: [first(), answer(200)], delivery })
      expect(snapshot.delivered).toBe(1)
      expect(waits.length).toBe(1)
      expect(waits[0]).toBeGreaterThanOrEqual(atLeast)
      expect(waits[0]).toBeLessThan(below)
    })

  test.each([
    ['linear', [40, 80, 120]],
    ['exponential', [80, 160, 320]],
  ] as const)('the waits of backoffPolicy %s with a delay of 40 ms are at least %j ms', async (policy, atLeast) => {
    const { waits } = await scene().play({
      answers: [answer(500)],
      delivery: { retry: 3, backoffPolicy: policy, backoffDelayMs: 40 },
    })
    expect(waits.length).toBe(3)
    waits.forEach((wait, n) => expect(wait).toBeGreaterThanOrEqual((atLeast[n] ?? 0) - 2))
  })

  test('a dead letter sink is asked to wait for too', async () => {
    const { dead, snapshot } = await scene().play({
      answers: [answer(400)],
      deadLetter: [asking(503, '1'), answer(200)],
    })
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
    expect((dead[1]?.at ?? 0) - (dead[0]?.at ?? 0)).toBeGreaterThanOrEqual(995)
  })
}
