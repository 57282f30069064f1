import { expect, test } from 'vitest'
import type { Position } from '../../../kafka/log.ts'
import { encodeProgress } from '../reading/progress.ts'
import { planStart } from './start-plan.ts'

const now = 1_760_000_000
const grace = 600

function at(partition: number, offset: number, start: { at: number; partitions: number } | null): Position {
  const metadata = start === null ? 'foreign' : encodeProgress({ position: offset, upTo: offset, pending: [] }, start)
  return { topic: 't', partition, offset: BigInt(offset), leaderEpoch: 3, metadata }
}

const kinds = (known: Position[], partitions = 3): string[] =>
  planStart([0, 1, 2].slice(0, partitions), partitions, known, now, grace).starts.map(({ kind }) => kind)

test.each([
  ['a group without positions is new', [], ['first', 'first', 'first']],
  [
    'where a position is, it is taken',
    [at(0, 5, null), at(1, 6, null), at(2, 7, null)],
    ['resumed', 'resumed', 'resumed'],
  ],
  [
    'another owner was quicker at the first start',
    [at(0, 5, { at: now - 5, partitions: 3 })],
    ['resumed', 'first', 'first'],
  ],
  [
    'long after the first start a missing position was lost',
    [at(0, 5, { at: now - 601, partitions: 3 })],
    ['resumed', 'expired', 'expired'],
  ],
  [
    'the topic has grown since the first start',
    [at(0, 5, { at: now - 601, partitions: 2 }), at(1, 0, null)],
    ['resumed', 'resumed', 'grown'],
  ],
  [
    'it has grown just after the first start',
    [at(0, 5, { at: now - 5, partitions: 2 }), at(1, 0, null)],
    ['resumed', 'resumed', 'grown'],
  ],
  [
    'a group of another program without a position on a partition: there the Outlet begins as it asks',
    [at(1, 5, null)],
    ['first', 'resumed', 'first'],
  ],
  [
    'another owner was quicker at the first start on a group of another program',
    [at(0, 5, null), at(1, 5, { at: now - 5, partitions: 3 })],
    ['resumed', 'resumed', 'first'],
  ],
])('%s', (_, known, expected) => {
  expect(kinds(known)).toEqual(expected)
})

test('the first start is stamped once and carried on, with the partitions that there were then', () => {
  expect(planStart([0], 4, [], now, grace).firstStart).toEqual({ at: now, partitions: 4 })
  const first = { at: now - 900, partitions: 2 }
  expect(planStart([0], 4, [at(0, 5, first)], now, grace).firstStart).toEqual(first)
})

test('a partition that was added just after the first start begins at the start of the log, whichever owner restarts first', () => {
  const known = [0, 1, 2].map((partition) => at(partition, 5, { at: now - 120, partitions: 3 }))
  const { firstStart } = planStart([0], 4, known, now, grace)
  const later = [at(0, 6, firstStart), ...known.slice(1)]
  expect(planStart([3], 4, later, now, grace).starts).toEqual([{ kind: 'grown', partition: 3 }])
})

test('a group that shows no first start, of an Outlet that has consumed before: what is missing was lost', () => {
  const plan = planStart([0, 1], 2, [at(0, 5, null)], now, grace, { at: 1, partitions: 2 })
  expect(plan.starts.map(({ kind }) => kind)).toEqual(['resumed', 'expired'])
})

test('the first start on a group of another program is stamped with all partitions of the moment', () => {
  expect(planStart([0, 1, 2], 3, [at(1, 5, null)], now, grace).firstStart).toEqual({ at: now, partitions: 3 })
})
