import { describe, expect, it } from 'vitest'
import type { CesqlErrorClass, CesqlValue } from './expression.ts'
import { isCesqlError, parseCesql } from './parse.ts'

type Row = readonly [sentence: string, expression: string, value: CesqlValue, error?: CesqlErrorClass]

const evaluate = (expression: string) => {
  const parsed = parseCesql(expression)
  return isCesqlError(parsed) ? { value: false, error: parsed } : parsed.evaluate(new Map())
}

describe('functions (§3.5)', () => {
  const rows: readonly Row[] = [
    ['names in any case', `lower('A')`, 'a'],
    ['a space before the parenthesis', `LOWER ('A')`, 'a'],
    ['arguments are any expression', `LENGTH(CONCAT('a', 'b')) + 1`, 3],

    ['INT of a string', `INT('-12')`, -12],
    ['INT of an Integer', 'INT(12)', 12],
    ['INT of a Boolean', 'INT(TRUE)', 1],
    ['INT of what is none', `INT('a')`, 0, 'cast'],
    ['BOOL of a string, in any case', `BOOL('False')`, false],
    ['BOOL of an Integer', 'BOOL(-3)', true],
    ['BOOL of zero', 'BOOL(0)', false],
    ['BOOL of what is none', `BOOL('t')`, false, 'cast'],
    ['STRING of an Integer', 'STRING(-12)', '-12'],
    ['STRING of a Boolean', 'STRING(FALSE)', 'false'],
    ['STRING of a string', `STRING('a')`, 'a'],
    ['IS_INT says whether INT would do', `IS_INT('+7')`, true],
    ['IS_INT of text', `IS_INT('seven')`, false],
    ['IS_INT of a Boolean', 'IS_INT(TRUE)', true],
    ['IS_INT of too many digits', `IS_INT('99999999999')`, false],
    ['IS_BOOL says whether BOOL would do', `IS_BOOL('TRUE')`, true],
    ['IS_BOOL of text', `IS_BOOL('yes')`, false],
    ['IS_BOOL of an Integer', 'IS_BOOL(2)', true],

    ['LENGTH', `LENGTH('mill')`, 4],
    ['LENGTH of nothing', `LENGTH('')`, 0],
    ['LENGTH counts characters, not bytes and not surrogates', `LENGTH('Mühle🌊')`, 6],
    ['LENGTH casts', 'LENGTH(-12)', 3],
    ['CONCAT', `CONCAT('a', 'b', 'c')`, 'abc'],
    ['CONCAT of nothing', 'CONCAT()', ''],
    ['CONCAT of one', `CONCAT('a')`, 'a'],
    ['CONCAT casts', `CONCAT('a', 1, TRUE)`, 'a1true'],
    ['CONCAT_WS sets the first between the others', `CONCAT_WS('-', 'a', 'b', 'c')`, 'a-b-c'],
    ['CONCAT_WS of one', `CONCAT_WS('-', 'a')`, 'a'],
    ['CONCAT_WS of none', `CONCAT_WS('-')`, ''],
    ['CONCAT_WS without a separator does not exist', 'CONCAT_WS()', false, 'missingFunction'],
    ['LOWER', `LOWER('ÄbC')`, 'äbc'],
    ['UPPER', `UPPER('äbC')`, 'ÄBC'],
    ['TRIM takes white space off both ends', `TRIM('  a b \t\n')`, 'a b'],
    ['TRIM takes what Unicode calls white space', `TRIM('\u00a0\u2003\u3000\u0085a\u2028')`, 'a'],
    ['TRIM leaves what is none: a control character', `TRIM('\u0001a\u0001')`, '\u0001a\u0001'],
    ['TRIM leaves what is none: a byte order mark', `TRIM('\ufeffa')`, '\ufeffa'],
    ['TRIM of nothing but space', `TRIM('   ')`, ''],

    ['LEFT', `LEFT('millrace', 4)`, 'mill'],
    ['LEFT of all', `LEFT('mill', 4)`, 'mill'],
    ['LEFT of more than there is', `LEFT('mill', 9)`, 'mill'],
    ['LEFT of none', `LEFT('mill', 0)`, ''],
    ['LEFT of less than none', `LEFT('mill', -1)`, 'mill', 'functionEvaluation'],
    ['LEFT counts characters', `LEFT('🌊🌊🌊', 2)`, '🌊🌊'],
    ['LEFT casts both', `LEFT(2026, '2')`, '20'],
    ['LEFT of a number that is none', `LEFT('mill', 'two')`, '', 'cast'],
    ['RIGHT', `RIGHT('millrace', 4)`, 'race'],
    ['RIGHT of all', `RIGHT('mill', 4)`, 'mill'],
    ['RIGHT of more than there is', `RIGHT('mill', 9)`, 'mill'],
    ['RIGHT of none', `RIGHT('mill', 0)`, ''],
    ['RIGHT of less than none', `RIGHT('mill', -1)`, 'mill', 'functionEvaluation'],
    ['RIGHT counts characters', `RIGHT('🌊a🌊', 2)`, 'a🌊'],

    ['SUBSTRING from a position, the first is 1', `SUBSTRING('millrace', 5)`, 'race'],
    ['SUBSTRING from 1 is all', `SUBSTRING('mill', 1)`, 'mill'],
    ['SUBSTRING from the end', `SUBSTRING('millrace', -4)`, 'race'],
    ['SUBSTRING from the last', `SUBSTRING('mill', 4)`, 'l'],
    ['SUBSTRING from the first, counted from the end', `SUBSTRING('mill', -4)`, 'mill'],
    ['SUBSTRING from 0 is empty', `SUBSTRING('mill', 0)`, ''],
    ['SUBSTRING from beyond the end', `SUBSTRING('mill', 5)`, '', 'functionEvaluation'],
    ['SUBSTRING from before the beginning', `SUBSTRING('mill', -5)`, '', 'functionEvaluation'],
    ['SUBSTRING of nothing from 1', `SUBSTRING('', 1)`, '', 'functionEvaluation'],
    ['SUBSTRING of nothing from 0', `SUBSTRING('', 0)`, ''],
    ['SUBSTRING with a length', `SUBSTRING('millrace', 2, 3)`, 'ill'],
    ['SUBSTRING with a length, from the end', `SUBSTRING('millrace', -4, 2)`, 'ra'],
    ['SUBSTRING with a length beyond the end', `SUBSTRING('mill', 3, 9)`, 'll'],
    ['SUBSTRING with length 0', `SUBSTRING('mill', 1, 0)`, ''],
    ['SUBSTRING with a length from 0 is empty', `SUBSTRING('mill', 0, 2)`, ''],
    ['SUBSTRING with a negative length', `SUBSTRING('mill', 1, -1)`, '', 'functionEvaluation'],
    ['SUBSTRING with a length from beyond the end', `SUBSTRING('mill', 5, 1)`, '', 'functionEvaluation'],
    ['SUBSTRING with a length from before the beginning', `SUBSTRING('mill', -5, 1)`, '', 'functionEvaluation'],
    ['SUBSTRING counts characters', `SUBSTRING('🌊a🌊b', 2, 2)`, 'a🌊'],

    ['ABS', 'ABS(-5)', 5],
    ['ABS of a positive', 'ABS(5)', 5],
    ['ABS of zero', 'ABS(0)', 0],
    ['ABS casts', `ABS('-5')`, 5],
    ['ABS of the smallest Integer is the largest, and an error', 'ABS(-2147483648)', 2147483647, 'math'],

    ['no function of this name', 'MILL(1)', false, 'missingFunction'],
    ['its arguments are not evaluated', 'MILL(1 / 0)', false, 'missingFunction'],
    ['no function of so many arguments', `LENGTH('a', 'b')`, false, 'missingFunction'],
    ['no function of so few arguments', `LEFT('a')`, false, 'missingFunction'],
    ['SUBSTRING has two arities and no others', `SUBSTRING('a', 1, 1, 1)`, false, 'missingFunction'],
    ['in arithmetic it is 0', 'MILL() + 1', 0, 'missingFunction'],
    ['behind FALSE AND it does no harm', 'FALSE AND MILL()', false],
  ]
  const named = rows.map(([sentence, expression, value, error]) => ({ sentence, expression, value, error }))
  it.each(named)('$sentence: $expression', ({ expression, value, error }) => {
    const result = evaluate(expression)
    expect({ value: result.value, error: result.error?.class }).toEqual({ value, error })
  })

  it('keeps nothing from one call to the next', () => {
    const parsed = parseCesql(`CONCAT(a, '-', UPPER(CONCAT(a, a)))`)
    const results = ['x', 'y'].map((a) => !isCesqlError(parsed) && parsed.evaluate(new Map([['a', a]])).value)
    expect(results).toEqual(['x-XX', 'y-YY'])
  })

  it('refuses to make a string without end', () => {
    const parsed = parseCesql(`CONCAT(${Array.from({ length: 20 }, () => 'a').join()})`)
    const result = !isCesqlError(parsed) && parsed.evaluate(new Map([['a', 'x'.repeat(1_000_000)]]))
    expect(result).toMatchObject({ value: '', error: { class: 'functionEvaluation' } })
  })

  it.each([
    ['LENGHT(id)', 'there is no function LENGHT; did you mean LENGTH?'],
    ['SUBSTR(id, 1)', 'there is no function SUBSTR; did you mean SUBSTRING?'],
    ["STARTSWITH(type, 'a')", "the beginning of a string is matched with LIKE, e.g. type LIKE 'order.%'"],
    ['LEFT(id)', 'LEFT takes 2 arguments, here is 1'],
    ['SUBSTRING(id)', 'SUBSTRING takes 2 or 3 arguments, here is 1'],
    ['CONCAT_WS()', 'CONCAT_WS takes at least 1 argument, here are 0'],
    ['MILL()', 'there is no function MILL; there are INT, BOOL, STRING, '],
  ])('says what helps when there is no such function: %s', (expression, message) => {
    expect(evaluate(expression).error?.message).toContain(message)
  })
})
