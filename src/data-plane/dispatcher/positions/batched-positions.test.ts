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
    all: async () => [],
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

test('Outlets that share a group and ask in one turn each hear of their own partitions', async () => {
  const held = ['a', 'b'].map((topic, i): Position => ({ ...position(i), topic }))
  const positions = new BatchedPositions({
    commit: async () => {},
    close: async () => {},
    all: async () => held,
    fetch: async (asked) =>
      new Map(
        Array.from(asked, ([group, places]) => [
          group,
          held.filter(({ topic }) => places.some((one) => one.topic === topic)),
        ]),
      ),
  })
  const ask = (topic: string) => positions.fetch('shared', [{ topic, partition: 0 }])
  expect(await Promise.all([ask('a'), ask('b'), ask('c')])).toEqual([[held[0]], [held[1]], []])
})
