import { expect, test } from 'vitest'
import { SharedAnswer } from './shared-answer.ts'

function rig() {
  const asked: PromiseWithResolvers<number>[] = []
  const shared = new SharedAnswer(() => {
    const question = Promise.withResolvers<number>()
    asked.push(question)
    return question.promise
  })
  return { asked, shared }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1))

test('who asks while it is being answered gets the next answer, all of them the same one', async () => {
  const { asked, shared } = rig()
  const first = shared.get()
  const [second, third] = [shared.get(), shared.get()]
  asked[0]?.resolve(1)
  expect(await first).toBe(1)
  await turn()
  const fourth = shared.get()
  expect(asked).toHaveLength(2)
  asked[1]?.resolve(2)
  expect(await Promise.all([second, third])).toEqual([2, 2])
  await turn()
  asked[2]?.resolve(3)
  expect(await fourth).toBe(3)
  await turn()
  void shared.get()
  expect(asked).toHaveLength(4)
})

test('a failure is told to those who asked; the next ask tries again', async () => {
  const { asked, shared } = rig()
  const first = shared.get()
  const second = shared.get()
  asked[0]?.reject(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await turn()
  asked[1]?.resolve(2)
  expect(await second).toBe(2)
})
