import { expect, test } from 'vitest'
import type { OutletStatus } from '../contract/outlet.ts'
import type { LiveWorker } from './fleet.ts'
import { Progresses } from './progress.ts'

const live = (...names: string[]): LiveWorker[] => names.map((name) => ({ name }) as LiveWorker)
const told = (lag: number): OutletStatus[] => [
  {
    ...{ observedGeneration: 1, state: 'consuming', progress: { lag } },
    shares: { 'd-0': { rate: 1 }, 'd-1': { rate: 2 } },
  },
]

test('that a dispatcher is replaced is no news; the rate of one that has gone ends with the next word, or after a while', () => {
  const at = { ms: 0 }
  const progresses = new Progresses({ now: () => at.ms, monotonic: () => at.ms })
  const rate = (lag: number, ...names: string[]) => progresses.of('u', told(lag), live(...names)).rate
  expect(rate(3, 'd-0', 'd-1')).toBe(3)
  expect(rate(3, 'd-0')).toBe(3)
  expect(rate(4, 'd-0')).toBe(1)
  expect(rate(4, 'd-0', 'd-1')).toBe(1)
  at.ms = 300_000
  expect(rate(4, 'd-1')).toBe(2)
})
