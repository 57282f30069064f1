import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tracker, type Linked } from './tracker.ts'

class Node implements Linked<Node> {
  before: Node | null = null
  after: Node | null = null
  readonly offset: number
  constructor(offset: number) {
    this.offset = offset
  }
}

test('whatever order things finish in, it holds the rest in order, and the first is the lowest', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 60 }), (picks) => {
      const tracker = new Tracker<Node>()
      const rest: Node[] = []
      let offset = 0
      for (const pick of picks) {
        if (pick % 3 > 0 || rest.length === 0) {
          const node = new Node((offset += 1 + (pick % 7)))
          tracker.add(node)
          rest.push(node)
        } else for (const gone of rest.splice(pick % rest.length, 1)) tracker.remove(gone)
        expect([...tracker]).toEqual(rest)
        expect([tracker.first, tracker.last, tracker.size]).toEqual([rest[0] ?? null, rest.at(-1) ?? null, rest.length])
      }
    }),
  )
})
