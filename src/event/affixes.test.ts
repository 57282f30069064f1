import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Affixes } from './affixes.ts'

// "Aa" and "BB" have one hash, and so have their combinations of one length; "\\0" and "\\0\\0" have one too.
const text = fc
  .array(fc.constantFrom('Aa', 'BB', 'A', 'C', '🙂', '\0'), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))

test.each([false, true])(
  'a value finds the texts that it begins (or ends) with, whatever came and went, ends: %s',
  (ends) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), text), { maxLength: 60 }),
        fc.array(text, { maxLength: 10 }),
        (steps, values) => {
          const affixes = new Affixes<string>({ ends })
          const there = new Set<string>()
          for (const [add, text] of steps) {
            if (add && !there.has(text)) affixes.set(text, text)
            if (!add) affixes.delete(text)
            if (add) there.add(text)
            else there.delete(text)
            expect(affixes.get(text)).toBe(add ? text : undefined)
          }
          expect(affixes.isEmpty).toBe(there.size === 0)
          for (const value of [...values, ...there]) {
            const found: string[] = []
            affixes.look(value, (bucket) => found.push(bucket))
            const expected = [...there].filter((text) => (ends ? value.endsWith(text) : value.startsWith(text)))
            expect(found.toSorted()).toEqual(expected.toSorted())
          }
        },
      ),
    )
  },
)
