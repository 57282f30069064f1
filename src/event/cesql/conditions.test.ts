import { describe, expect, it } from 'vitest'
import { isCesqlError, parseCesql } from './parse.ts'

function conditions(expression: string) {
  const parsed = parseCesql(expression)
  if (isCesqlError(parsed)) throw new Error(parsed.message)
  const { equalities, prefixes, equalitiesAreAll } = parsed
  const found = [
    ...equalities.map(({ attribute, value }) => `${attribute}=${value}`),
    ...prefixes.map(({ attribute, prefix }) => `${attribute}=${prefix}*`),
  ]
  return `${found.join(' ')}${equalitiesAreAll ? ' and no more' : ''}`
}

describe('what an index can look up', () => {
  it.each([
    ['an equality', `type = 'a'`, 'type=a and no more'],
    ['the other way round', `'a' = type`, 'type=a and no more'],
    ['names in lower case', `TYPE = 'a'`, 'type=a and no more'],
    ['all of an AND', `type = 'a' AND id = 'b' AND source = 'c'`, 'type=a id=b source=c and no more'],
    ['in parentheses too', `(type = 'a' AND (id = 'b'))`, 'type=a id=b and no more'],
    ['one beside something else', `type = 'a' AND INT(n) > 5`, 'type=a'],
    ['none of an OR', `type = 'a' OR id = 'b'`, ''],
    ['what stands behind an OR, joined by AND: it is (… OR …) AND …', `type = 'a' OR id = 'b' AND n = 'c'`, 'n=c'],
    ['not what stands before it', `type = 'a' AND id = 'b' OR n = 'c'`, ''],
    ['not what an XOR turns', `type = 'a' XOR TRUE`, ''],
    ['an OR in parentheses beside an equality', `(id = 'a' OR id = 'b') AND type = 'c'`, 'type=c'],
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
    ['no set of two', `type IN ('a', 'b')`, ''],
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
