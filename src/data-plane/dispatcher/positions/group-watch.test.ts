import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LogAdmin } from '../../../kafka/log.ts'
import { GroupWatch } from './group-watch.ts'
import type { OutletRun } from '../delivering/outlet-run.ts'

test('a thousand groups that are checked at the same time are asked for a few at a time, and all of them', async () => {
  const asked = new Set<string>()
  let atOnce = 0
  let most = 0
  const describeGroup = async (group: string) => {
    most = Math.max(most, ++atOnce)
    await turn()
    asked.add(group)
    atOnce--
    return { kind: 'simple', liveMembers: 0 } as const
  }
  const watch = new GroupWatch({
    admin: { describeGroup } as unknown as LogAdmin,
    signal: new AbortController().signal,
    retryMs: 10,
    letGo: () => {},
    handBack: async () => {},
    free: () => {},
    siblings: () => [],
  })
  const runs = Array.from({ length: 1000 }, (_, n) => ({ outlet: { group: `g${n}` } }) as unknown as OutletRun)
  await Promise.all(runs.map((run) => watch.check(run)))
  expect(asked.size).toBe(1000)
  expect(most).toBeLessThanOrEqual(8)
})
