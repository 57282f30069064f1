import { describe, expect, it } from 'vitest'
import type { CesqlAlternatives } from './expression.ts'
import { isCesqlError, parseCesql } from './parse.ts'

function conditions(expression: string) {
  const parsed = parseCesql(expression)
  if (isCesqlError(parsed)) throw new Error(parsed.message)
  const { alternatives, equalitiesAreAll } = parsed
  const found = [...words(parsed), ...alternatives.map((one) => `(${words(one).join(' or ')})`)]
  return `${found.join(' ')}${equalitiesAreAll ? ' and no more' : ''}`
}

const words = ({ equalities, prefixes }: CesqlAlternatives): readonly string[] => [
  ...equalities.map(({ attribute, value }) => `${attribute}=${value}`),
  ...prefixes.map(({ attribute, prefix }) => `${attribute}=${prefix}*`),
]

describe('what an index can look up', () => {
  it.each([
    ['an equality', `type = 'a'`, 'type=a and no more'],
    ['the other way round', `'a' = type`, 'type=a and no more'],
    ['names in lower case', `TYPE = 'a'`, 'type=a and no more'],
    ['all of an AND', `type = 'a' AND id = 'b' AND source = 'c'`, 'type=a id=b source=c and no more'],
    ['in parentheses too', `(type = 'a' AND (id = 'b'))`, 'type=a id=b and no more'],
    ['one beside something else', `type = 'a' AND INT(n) > 5`, 'type=a'],
    ['one of an OR', `type = 'a' OR id = 'b' OR id LIKE 'c%'`, '(type=a or id=b or id=c*)'],
    ['none of an OR where one may be true whatever there is', `type = 'a' OR INT(n) > 5`, ''],
    ['of an OR of ANDs one of each', `(type = 'a' AND id = 'b') OR (INT(n) > 5 AND n = 'c')`, '(type=a or n=c)'],
    ['of an OR of sets all', `type IN ('a', 'b') OR (n = 'c' OR n = 'd')`, '(type=a or type=b or n=c or n=d)'],
    [
      'what stands behind an OR, joined by AND: it is (… OR …) AND …',
      `type = 'a' OR id = 'b' AND n = 'c'`,
      'n=c (type=a or id=b)',
    ],
    ['not what stands before it', `type = 'a' AND id = 'b' OR n = 'c'`, ''],
    ['not what XOR mixes in', `type = 'a' OR id = 'b' XOR n = 'c' AND m = 'd'`, 'm=d'],
    ['not what an XOR turns', `type = 'a' XOR TRUE`, ''],
    ['an OR in parentheses beside an equality', `(id = 'a' OR id = 'b') AND type = 'c'`, 'type=c (id=a or id=b)'],
    ['no inequality', `type != 'a'`, ''],
    ['nothing that NOT turns', `NOT (type = 'a')`, ''],
    ['no number: 5 is 05 too', `n = 5`, ''],
    ['no boolean: TRUE is true too', `paid = TRUE`, ''],
    ['the text of a number on the left is cast to what the attribute is: 5 is 5', `'5' = n`, 'n=5 and no more'],
    ['05 may be 5', `'05' = n`, ''],
    ['true is true', `'true' = paid`, 'paid=true and no more'],
    ['TRUE may be true', `'TRUE' = paid`, ''],
    ['an empty text', `n = ''`, 'n= and no more'],
    ['a set of one', `type IN ('a')`, 'type=a and no more'],
    ['one of a set', `type IN ('a', 'b')`, '(type=a or type=b)'],
    ['no set with an element that may be written in another way', `n IN ('a', '05')`, ''],
    ['no set of hundreds', `type IN (${Array.from({ length: 257 }, (_, i) => `'t${i}'`).join(', ')})`, ''],
    ['no set with what is computed', `n IN ('a', type)`, ''],
    ['no NOT IN', `type NOT IN ('a')`, ''],
    ['a pattern without wildcards', String.raw`type LIKE '100\%'`, 'type=100% and no more'],
    ['the beginning of a pattern', `type LIKE 'order.%'`, 'type=order.*'],
    ['the beginning up to an underscore', `type LIKE 'order_%x'`, 'type=order*'],
    ['no pattern that begins with a wildcard', `type LIKE '%.created'`, ''],
    ['no NOT LIKE', `type NOT LIKE 'order.%'`, ''],
    ['nothing of what is computed', `UPPER(type) = 'A'`, ''],
    ['nothing of two attributes', `type = id`, ''],
    ['nothing of what is always true', 'TRUE', ''],
  ])('%s: %s', (_, expression, expected) => {
    expect(conditions(expression)).toBe(expected)
  })
})
