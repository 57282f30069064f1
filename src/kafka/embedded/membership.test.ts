import { expect, test } from 'vitest'
import { EmbeddedMembership } from './membership.ts'

test('a handover that waits in line when the membership ends has as long as the end, no longer', async () => {
  const deadlines: number[] = []
  const membership = new EmbeddedMembership(
    {
      assigned: () => {},
      lost: () => {},
      revoked: (_, deadlineMs) => {
        deadlines.push(deadlineMs)
        return new Promise(() => {})
      },
    },
    () => {},
  )
  membership.share([{ topic: 't', partition: 0 }])
  await new Promise((resolve) => setImmediate(resolve))
  membership.share([])
  const began = performance.now()
  await membership.close({ forGood: true, deadlineMs: 200 })
  expect(performance.now() - began).toBeLessThan(15_000)
  expect(deadlines).toEqual([200])
})
