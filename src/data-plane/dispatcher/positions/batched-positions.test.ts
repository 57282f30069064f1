import { expect, test } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import type { Position } from '../../../kafka/log.ts'
import { BatchedPositions } from './batched-positions.ts'

const at = [{ topic: 't', partition: 0 }]
const position = (offset: number): Position => ({
  topic: 't',
  partition: 0,
  offset: BigInt(offset),
  leaderEpoch: -1,
  metadata: '',
})

function bench(refuse: (groups: readonly string[]) => Fault | null) {
  const requests: string[][] = []
  const positions = new BatchedPositions({
    commit: async () => {},
    close: async () => {},
    fetch: async (asked) => {
      const groups = [...asked.keys()]
      requests.push(groups)
      const fault = refuse(groups)
      if (fault !== null) throw fault
      return new Map(groups.map((group) => [group, [position(groups.length)]]))
    },
  })
  return { positions, requests }
}

test('what is asked for in one turn is one request', async () => {
  const { positions, requests } = bench(() => null)
  const found = await Promise.all(['a', 'b', 'c'].map((group) => positions.fetch(group, at)))
  expect(requests).toEqual([['a', 'b', 'c']])
  expect(found).toEqual([[position(3)], [position(3)], [position(3)]])
})

test('a group that we may not read does not keep the others from starting', async () => {
  const refused = new Fault('NotAuthorized', 'not yours')
  const { positions } = bench((groups) => (groups.includes('b') ? refused : null))
  const found = await Promise.allSettled(['a', 'b', 'c'].map((group) => positions.fetch(group, at)))
  expect(found).toEqual([
    { status: 'fulfilled', value: [position(1)] },
    { status: 'rejected', reason: refused },
    { status: 'fulfilled', value: [position(1)] },
  ])
})

test('a log that is away is not asked again for each group', async () => {
  const { positions, requests } = bench(() => new Fault('LogUnavailable', 'away'))
  const found = await Promise.allSettled(['a', 'b'].map((group) => positions.fetch(group, at)))
  expect(found.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(requests.length).toBe(1)
})
