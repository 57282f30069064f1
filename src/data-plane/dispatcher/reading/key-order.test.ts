import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyOrder, type Keyed } from './key-order.ts'

class Node implements Keyed<Node> {
  key: string | null = null
  earlier: Node | null = null
  later: Node | null = null
  held = false
  readonly of: string
  constructor(of: string) {
    this.of = of
  }
}

const step = fc.record({
  key: fc.constantFrom('', 'a', 'b'),
  leave: fc.boolean(),
  pick: fc.nat(50),
  begun: fc.boolean(),
})

test('whoever joins and leaves: one begins when none of its key is before it, and each begins once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const order = new KeyOrder<Node>()
      /** All that are in, as they joined; and who of them has begun. */
      const all: Node[] = []
      const begun = new Set<Node>()
      for (const { key, leave, pick, begun: already } of steps) {
        if (leave && all.length > 0) {
          const [gone] = all.splice(pick % all.length, 1)
          const next = gone === undefined ? null : order.leave(gone)
          if (next !== null) {
            expect(begun.has(next)).toBe(false)
            begun.add(next)
          }
        } else {
          const node = new Node(key)
          // what began before there was an order comes first
          const free = already && all.every((one) => begun.has(one))
          if (order.join(node, key, free) || free) begun.add(node)
          all.push(node)
        }
        const first = (node: Node): boolean => all.find((one) => one.of === node.of) === node
        for (const node of all) if (first(node)) expect(begun.has(node)).toBe(true)
        expect(all.filter((node) => node.held)).toEqual(all.filter((node) => !begun.has(node)))
        expect(order.held).toBe(all.filter((node) => !begun.has(node)).length)
      }
    }),
  )
})

test('one that began beside others of its key is waited for, as they are', () => {
  const order = new KeyOrder<Node>()
  const [first, second, third] = [new Node('a'), new Node('a'), new Node('a')]
  expect([order.join(first, 'a', true), order.join(second, 'a', true), order.join(third, 'a')]).toEqual([
    true,
    true,
    false,
  ])
  expect(order.leave(second)).toBeNull()
  expect(order.leave(first)).toBe(third)
})
