import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LogAdmin } from '../../kafka/log.ts'
import { Topics } from './topics.ts'

test('when the last Outlet has gone nothing is shared out any more; before the first came, nothing is said', async () => {
  const shared: number[] = []
  let wanted: string[] = []
  const topics = new Topics({
    admin: {
      describeTopics: async (names: readonly string[]) =>
        names.map((name) => ({ name, id: name, partitions: 3, maxMessageBytes: 1 })),
    } as unknown as LogAdmin,
    intervalMs: 60_000,
    retryMs: 10,
    wanted: () => wanted,
    known: (counts) => shared.push(counts.size),
    failed: () => {},
  })
  topics.look()
  await sleep(20)
  expect(shared).toEqual([])
  wanted = ['a', 'b']
  topics.look()
  await sleep(20)
  wanted = []
  topics.look()
  await sleep(20)
  topics.look()
  await sleep(20)
  topics.close()
  expect(shared).toEqual([2, 0])
})

test('a topic that says it has millions of partitions is told, and shared out among nobody; the others are', async () => {
  const { promise, resolve } = Promise.withResolvers<[readonly string[], string]>()
  let counts: ReadonlyMap<string, number> = new Map()
  const topics = new Topics({
    admin: {
      describeTopics: async (names: readonly string[]) =>
        names.map((name) => ({ name, id: name, partitions: name === 'huge' ? 2 ** 31 - 2 : 3, maxMessageBytes: 1 })),
    } as unknown as LogAdmin,
    intervalMs: 60_000,
    retryMs: 10,
    wanted: () => ['a', 'huge'],
    known: (found) => (counts = new Map(found)),
    failed: (error, asked) => resolve([asked, (error as Error).message]),
  })
  topics.look()
  const [asked, message] = await promise
  topics.close()
  expect([...counts]).toEqual([['a', 3]])
  expect(asked).toEqual(['huge'])
  expect(message).toContain('Topic huge has 2147483646 partitions')
})
