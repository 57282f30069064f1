import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toText } from './cast.ts'
import type { CesqlAttributes, CesqlEquality, CesqlExpression, CesqlPrefix, CesqlValue } from './expression.ts'
import { isCesqlError, parseCesql } from './parse.ts'

const names = ['type', 'id', 'n', 'b', 'nowhere'] as const
const someText = fc.constantFrom('', 'a', 'ab', '5', '05', '-3', 'true', 'TRUE', 'False', '2147483647', '🌊', '%')
const value: fc.Arbitrary<CesqlValue> = fc.oneof(
  someText,
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }),
  fc.boolean(),
)
const attributesOf = (values: fc.Arbitrary<CesqlValue>): fc.Arbitrary<CesqlAttributes> =>
  fc.dictionary(fc.constantFrom('type', 'id', 'n', 'b'), values).map((record) => new Map(Object.entries(record)))
const attributes = attributesOf(value)

/** An expression as a tree of two-sided operators, to be written with as few parentheses as precedence needs, or with all. */
type Tree =
  | { readonly leaf: string }
  | { readonly prefix: 'NOT' | '-'; readonly operand: Tree }
  | { readonly operand: Tree; readonly suffix: string }
  | { readonly left: Tree; readonly operator: string; readonly right: Tree }
  | { readonly name: string; readonly args: readonly Tree[] }

const quote = (text: string) => `'${text.replaceAll("'", String.raw`\'`)}'`
const leaf = fc
  .oneof(
    fc.constantFrom(...names),
    fc.constantFrom(...names.map((name) => `EXISTS ${name}`), 'TRUE', 'false', '0', '7', '-2', '2147483647'),
    someText.map(quote),
  )
  .map((text): Tree => ({ leaf: text }))
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.record({ prefix: fc.constantFrom('NOT' as const, '-' as const), operand: tie('tree') }),
    fc.record({
      operand: tie('tree'),
      suffix: fc.constantFrom(`LIKE 'a%'`, `NOT LIKE '_'`, `IN ('a', 5, TRUE)`, 'NOT IN (type)', `LIKE '%5%'`),
    }),
    ...['* / % + -', '= != <> < <= > >=', 'AND OR XOR'].map((operators) =>
      fc.record({ left: tie('tree'), operator: fc.constantFrom(...operators.split(' ')), right: tie('tree') }),
    ),
    fc.record({
      name: fc.constantFrom('UPPER', 'LENGTH', 'INT', 'IS_INT', 'ABS', 'LEFT', 'SUBSTRING', 'CONCAT', 'MILL'),
      args: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}))

/** How strongly an operator binds: 1 is the loosest. */
const strength = (operator: string): number => {
  if (['AND', 'OR', 'XOR'].includes(operator)) return 1
  if (['=', '!=', '<>', '<', '<=', '>', '>='].includes(operator)) return 2
  return ['+', '-'].includes(operator) ? 3 : 4
}
const suffixStrength = 5
const prefixStrength = 6

function write(tree: Tree, wrap: (text: string, strength: number, atLeast: number) => string, atLeast = 0): string {
  if ('leaf' in tree) return tree.leaf
  if ('name' in tree) return `${tree.name}(${tree.args.map((arg) => write(arg, wrap)).join(', ')})`
  if ('prefix' in tree)
    return wrap(`${tree.prefix} ${write(tree.operand, wrap, prefixStrength)}`, prefixStrength, atLeast)
  if ('suffix' in tree)
    return wrap(`${write(tree.operand, wrap, suffixStrength)} ${tree.suffix}`, suffixStrength, atLeast)
  const own = strength(tree.operator)
  return wrap(`${write(tree.left, wrap, own)} ${tree.operator} ${write(tree.right, wrap, own + 1)}`, own, atLeast)
}

const sparing = (tree: Tree) => write(tree, (text, own, atLeast) => (own < atLeast ? `(${text})` : text))
const full = (tree: Tree) => write(tree, (text) => `(${text})`)

function parsed(text: string): CesqlExpression {
  const result = parseCesql(text)
  if (isCesqlError(result)) throw new Error(`${text}: ${result.message}`)
  return result
}

const classes = ['math', 'cast', 'missingFunction', 'functionEvaluation', 'missingAttribute']

describe('for any expression', () => {
  it('parsing never throws, whatever the text, and says where it fails', () => {
    const pieces = fc.constantFrom(
      ...`( ) , ' " \\ NOT AND LIKE IN EXISTS TRUE = == != < - + 5 x f( _ % 🌊 9999999999 \n`.split(' '),
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((all) => all.join(' ')),
      fc.array(pieces).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, attributes, (expression, event) => {
        const result = parseCesql(expression)
        if (!isCesqlError(result)) return void result.evaluate(event)
        expect(result).toEqual({
          class: 'parse',
          message: expect.stringMatching(/character \d+: /),
          position: expect.any(Number),
        })
        expect(result.position).toBeLessThanOrEqual(Array.from(expression).length + 1)
      }),
      { numRuns: 3_000 },
    )
  })

  it('evaluation never throws, gives a value of CESQL, and the same one again', () => {
    fc.assert(
      fc.property(tree, attributes, (tree, event) => {
        const expression = parsed(sparing(tree))
        const { value, error } = expression.evaluate(event)
        if (typeof value === 'number') expect(Object.is(value, value | 0)).toBe(true)
        else expect(['boolean', 'string']).toContain(typeof value)
        if (error !== null) expect(classes).toContain(error.class)
        expect(expression.evaluate(event)).toEqual({ value, error })
        expect(expression.passes(event)).toBe(value === true && error === null)
      }),
      { numRuns: 2_000 },
    )
  })

  it('parentheses that precedence makes superfluous change nothing', () => {
    fc.assert(
      fc.property(tree, fc.array(attributes, { minLength: 1, maxLength: 5 }), (tree, events) => {
        const [one, other] = [parsed(sparing(tree)), parsed(full(tree))]
        for (const event of events) expect(one.evaluate(event)).toEqual(other.evaluate(event))
      }),
      { numRuns: 3_000 },
    )
  })

  it('no event passes that does not meet the conditions offered to an index', () => {
    const conjunct = fc.oneof(
      fc.tuple(fc.constantFrom(...names), someText).map(([name, text]) => `${name} = ${quote(text)}`),
      fc.tuple(fc.constantFrom(...names), someText).map(([name, text]) => `${quote(text)} = ${name}`),
      fc.tuple(fc.constantFrom(...names), someText).map(([name, text]) => `${name} LIKE ${quote(`${text}%`)}`),
      fc.tuple(fc.constantFrom(...names), someText).map(([name, text]) => `${name} IN (${quote(text)})`),
      fc
        .tuple(fc.constantFrom(...names), fc.array(someText, { minLength: 2, maxLength: 4 }))
        .map(([name, texts]) => `${name} IN (${texts.map(quote).join(', ')})`),
      tree.map((tree) => `(${sparing(tree)})`),
    )
    const expression = fc
      .array(fc.tuple(fc.constantFrom('AND', 'AND', 'OR', 'OR', 'XOR'), conjunct), { minLength: 1, maxLength: 4 })
      .map((links) => links.flatMap(([operator, text], i) => (i === 0 ? text : `${operator} ${text}`)).join(' '))
    fc.assert(
      fc.property(
        expression,
        fc.array(fc.oneof(attributes, attributesOf(someText)), { maxLength: 8 }),
        (text, events) => {
          const expression = parsed(text)
          for (const event of events) {
            const [equal, begins] = [expression.equalities.every(isIn(event)), expression.prefixes.every(isIn(event))]
            const either = expression.alternatives.every(
              ({ equalities, prefixes }) => equalities.some(isIn(event)) || prefixes.some(isIn(event)),
            )
            const passes = expression.passes(event)
            if (passes) expect({ equal, begins, either }).toEqual({ equal: true, begins: true, either: true })
            const onlyStrings = [...event.values()].every((value) => typeof value === 'string')
            if (expression.equalitiesAreAll && equal && onlyStrings) expect(passes).toBe(true)
          }
        },
      ),
      { numRuns: 3_000 },
    )
  })
})

const textOf = (event: CesqlAttributes, name: string) => toText(event.get(name) as CesqlValue)

const isIn = (event: CesqlAttributes) => (condition: CesqlEquality | CesqlPrefix) => {
  if (!event.has(condition.attribute)) return false
  const text = textOf(event, condition.attribute)
  return 'value' in condition ? text === condition.value : text.startsWith(condition.prefix)
}
