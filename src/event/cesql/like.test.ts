import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern, readPattern } from './like.ts'
import { isCesqlError, parseCesql } from './parse.ts'

const matches = (text: string, pattern: string) => compilePattern(readPattern(pattern))(text)

describe('LIKE (§3.4.3)', () => {
  it.each([
    ['without wildcards it is equality', 'mill', 'mill', true],
    ['case counts', 'Mill', 'mill', false],
    ['a part is not enough', 'millrace', 'mill', false],
    ['% at the end', 'millrace', 'mill%', true],
    ['% at the beginning', 'millrace', '%race', true],
    ['% may be nothing', 'mill', 'mill%', true],
    ['% may be a character', 'mills', 'mill%', true],
    ['% in the middle', 'millrace', 'm%e', true],
    ['what stands around % does not overlap', 'aba', 'ab%ba', false],
    ['% on both sides', 'a millrace', '%mill%', true],
    ['% alone takes all', 'anything', '%', true],
    ['% takes the empty string', '', '%', true],
    ['the empty pattern takes the empty string', '', '', true],
    ['and nothing else', 'a', '', false],
    ['%% is %', 'a', '%%', true],
    ['% takes line breaks', 'a\nb', 'a%b', true],
    ['pieces must come in order', 'bc-ab', '%ab%bc%', false],
    ['pieces in order', 'ab-bc', '%ab%bc%', true],
    ['pieces do not overlap', 'abc', '%ab%bc%', false],
    ['a piece is not found in what the end needs', 'xab', '%ab%ab', false],
    ['_ is one character', 'cat', 'c_t', true],
    ['not none', 'ct', 'c_t', false],
    ['not two', 'coat', 'c_t', false],
    ['_ alone', 'a', '_', true],
    ['_ takes a character beyond 16 bits as one', '🌊', '_', true],
    ['two _ do not', '🌊', '__', false],
    ['_ at the end', 'mill🌊', 'mill_', true],
    ['_ and %', 'order.7.created', 'order._.%', true],
    ['_ in a piece between %', 'xx-a1b-yy', '%a_b%', true],
    ['_% is at least one', '', '_%', false],
    ['%_ the same', 'ab', '%_', true],
    ['three or more', 'ab', '%_%_%_%', false],
    ['a piece with _ right before the end', 'abc', '%_b%c', true],
    ['a long piece is not found in what the end needs', 'a'.repeat(81), `%${'a'.repeat(80)}%aa`, false],
    ['a long piece right before the end', 'a'.repeat(82), `%${'a'.repeat(80)}%aa`, true],
    [String.raw`\% is a percent sign`, '100%', String.raw`100\%`, true],
    [String.raw`\% is not a wildcard`, '1000', String.raw`100\%`, false],
    [String.raw`\_ is an underscore`, 'a_b', String.raw`a\_b`, true],
    [String.raw`\_ is not a wildcard`, 'axb', String.raw`a\_b`, false],
    ['any other backslash is itself', String.raw`a\b`, String.raw`a\b`, true],
    ['a backslash before an escape is itself', String.raw`a\%`, String.raw`a\\%`, true],
    ['a backslash at the end is itself', 'a\\', 'a\\', true],
    ['what is special in a regular expression is not here', 'a.c', 'a.c', true],
    ['and matches nothing else', 'abc', 'a.c', false],
    ['nor are these', '(a|b)*[c]^$', '(a|b)*[c]^$', true],
  ])('%s: %j LIKE %j', (_, text, pattern, expected) => {
    expect(matches(text, pattern)).toBe(expected)
  })

  it('says what an obviously right matcher says, also on long pieces', () => {
    const piece = fc.array(fc.constantFrom('a', 'b', '%', '_', '🌊', String.raw`\%`, String.raw`\_`), { maxLength: 12 })
    const long = fc.tuple(piece, fc.integer({ min: 1, max: 30 })).map(([parts, times]) => parts.join('').repeat(times))
    const word = fc.array(fc.constantFrom('a', 'b', '🌊', '%', '_'), { maxLength: 40 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        word,
        fc.oneof(
          piece.map((parts) => parts.join('')),
          long,
        ),
        (text, pattern) => {
          expect(matches(text, pattern)).toBe(obvious(text, pattern))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('says the same of pieces beyond 64 characters, in texts that nearly have them', () => {
    const letters = (min: number, max: number, ...of: string[]) =>
      fc.array(fc.constantFrom(...of), { minLength: min, maxLength: max }).map((all) => all.join(''))
    const one = fc.record({
      piece: letters(65, 130, 'a', 'b', '_'),
      before: letters(0, 140, 'a', 'b'),
      spoilt: fc.nat(260),
    })
    fc.assert(
      fc.property(one, one, (x, y) => {
        const text = [x, y].map(({ piece, before }) => before + piece.replaceAll('_', 'a')).join('')
        const pattern = `%${x.piece}%${y.piece}%`
        for (const at of [x.spoilt, text.length - 1 - y.spoilt]) {
          const spoilt = text.slice(0, Math.max(0, at)) + 'c' + text.slice(Math.max(0, at) + 1)
          expect(matches(spoilt, pattern)).toBe(obvious(spoilt, pattern))
        }
        expect(matches(text, pattern)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('remembers nothing of the text before', () => {
    const match = compilePattern(readPattern(`%${'ab'.repeat(40)}%`))
    expect([match('ab'.repeat(20)), match('ab'.repeat(20)), match('ab'.repeat(40))]).toEqual([false, false, true])
  })

  it('finds a long piece with holes in a long text', () => {
    const piece = 'abcdefgh_'.repeat(20)
    const text = `${'abcdefgh-'.repeat(19)}abcdefgx-${'abcdefgh-'.repeat(20)}tail`
    expect(matches(text, `%${piece}%`)).toBe(true)
    expect(matches(text.slice(0, -14), `%${piece}%`)).toBe(false)
  })

  it.each([
    ['many %', '%a'.repeat(400) + '%b'],
    ['many % and _', '%_a'.repeat(300) + '%b'],
    ['a long piece', `%${'a'.repeat(1000)}b%`],
    ['a long piece with holes', `%${'_a'.repeat(500)}b%`],
  ])('takes no time to speak of for what makes others slow: %s', (_, pattern) => {
    const match = compilePattern(readPattern(pattern))
    const before = process.cpuUsage()
    expect(match('a'.repeat(20_000))).toBe(false)
    const { user, system } = process.cpuUsage(before)
    // Backtracking would take years, text times pattern done plainly many seconds.
    expect((user + system) / 1_000).toBeLessThan(2_000)
  })

  it.each([
    ['an Integer is matched as text', "2026 LIKE '20__'", true],
    ['a negative one with its sign', "-5 LIKE '-_'", true],
    ['a Boolean is matched as text in lower case', "TRUE LIKE 'tr%'", true],
    ['NOT LIKE', "'mill' NOT LIKE 'r%'", true],
    ['NOT LIKE of a match', "'mill' NOT LIKE 'm%'", false],
    ['in any case', "'mill' not like 'r%'", true],
    ['a quote in a pattern is escaped as in any string', String.raw`"it's" LIKE 'it\'_'`, true],
  ])('%s: %s', (_, expression, expected) => {
    const parsed = parseCesql(expression)
    expect(isCesqlError(parsed) || parsed.evaluate(new Map())).toEqual({ value: expected, error: null })
  })
})

/** Dynamic programming over characters: slow, and plain to see. */
function obvious(text: string, pattern: string): boolean {
  const letters = Array.from(text)
  let reached: boolean[] = [true, ...letters.map(() => false)]
  for (const part of pattern.match(/\\[%_]|[^]/gu) ?? []) {
    const before = reached
    if (part === '%') {
      const firstTrue = before.indexOf(true)
      reached = before.map((_, i) => firstTrue >= 0 && i >= firstTrue)
    } else {
      const wanted = part.length > 1 && part.startsWith('\\') ? part.slice(1) : part
      const any = part === '_'
      reached = before.map((_, i) => i > 0 && before[i - 1] === true && (any || letters[i - 1] === wanted))
    }
  }
  return reached.at(-1) === true
}
