import { expect, it } from 'vitest'
import { FairSlots } from './fair-slots.ts'

it('bounds what is in flight, overall and at one broker, and lets the longest waiting go first', async () => {
  const slots = new FairSlots(3, 2)
  const running: string[] = []
  const ends = new Map<string, () => void>()
  const start = (name: string, broker: number): Promise<void> =>
    slots.run(broker, async () => {
      running.push(name)
      await new Promise<void>((resolve) => ends.set(name, resolve))
    })
  const end = async (name: string): Promise<void> => {
    running.splice(running.indexOf(name), 1)
    ends.get(name)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const all = [start('a1', 1), start('a2', 1), start('a3', 1), start('b1', 2), start('b2', 2)]
  expect(running).toEqual(['a1', 'a2', 'b1'])
  await end('b1')
  expect(running).toEqual(['a1', 'a2', 'b2'])
  await end('a1')
  expect(running).toEqual(['a2', 'b2', 'a3'])
  for (const name of [...running]) await end(name)
  await Promise.all(all)
  expect(running).toEqual([])
})

it('gives the slot back after a failure', async () => {
  const slots = new FairSlots(1, 1)
  await expect(slots.run(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(slots.run(2, () => Promise.resolve('yes'))).resolves.toBe('yes')
})
