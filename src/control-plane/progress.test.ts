import { expect, test } from 'vitest'
import type { OutletStatus } from '../contract/outlet.ts'
import type { StoredObject } from '../kube/client.ts'
import type { LiveWorker } from './fleet.ts'
import { Progresses } from './progress.ts'

const live = (...names: string[]): LiveWorker[] => names.map((name) => ({ name }) as LiveWorker)
const outlets = (rates: Readonly<Record<string, number>>): OutletStatus[] => [
  {
    ...{ observedGeneration: 1, state: 'consuming', progress: { lag: 3 } },
    shares: Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, { rate }])),
  },
]

/** What is decided is stored. */
function rig(stored?: number) {
  const at = { ms: 0 }
  const object = { status: { rate: stored } } as unknown as StoredObject & { status: { rate: number | undefined } }
  const progresses = new Progresses({ now: () => at.ms, monotonic: () => at.ms })
  const rate = (rates: Readonly<Record<string, number>>, ...names: string[]) =>
    (object.status.rate = progresses.of(object, outlets(rates), live(...names)).rate)
  return { at, rate }
}
const both = { 'd-0': 1, 'd-1': 2 }

test('that a dispatcher is replaced is no news, however long ago there was any', () => {
  const { at, rate } = rig()
  expect(rate(both, 'd-0', 'd-1')).toBe(3)
  for (at.ms = 3_600_000; at.ms < 3_630_000; at.ms += 1_000) expect(rate(both, 'd-0')).toBe(3)
  expect(rate(both, 'd-0', 'd-1')).toBe(3)
  at.ms += 3_600_000
  expect(rate(both, 'd-1')).toBe(3)
})

test('nor is it for a controller that leads next', () => {
  expect(rig(3).rate(both, 'd-0')).toBe(3)
  expect(rig(1).rate(both, 'd-0')).toBe(1)
})

test('the rate of one that has gone ends with the next rate that is told, or after a while', () => {
  const { at, rate } = rig()
  expect(rate(both, 'd-0', 'd-1')).toBe(3)
  expect(rate(both, 'd-0')).toBe(3)
  at.ms = 300_000
  expect(rate(both, 'd-0')).toBe(1)
  expect(rate(both, 'd-0', 'd-1')).toBe(3)
  expect(rate({ 'd-0': 5, 'd-1': 2 }, 'd-0')).toBe(5)
})
