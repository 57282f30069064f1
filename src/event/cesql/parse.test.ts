import { describe, expect, it } from 'vitest'
import { isCesqlError, maxLength, parseCesql } from './parse.ts'

/** The sentence that an expression is refused with; null: it is not. */
function refusal(expression: string): string | null {
  const parsed = parseCesql(expression)
  if (!isCesqlError(parsed)) return null
  expect(parsed.class).toBe('parse')
  return parsed.message
}

function notices(expression: string): readonly string[] {
  const parsed = parseCesql(expression)
  if (isCesqlError(parsed)) throw new Error(parsed.message)
  return parsed.notices
}

describe('a parse error says where, what was expected, and what was found', () => {
  it.each([
    ['nothing', '', 'character 1: the expression is empty'],
    ['nothing but space', ' \n ', 'the expression is empty'],
    ['an operator without its right side', 'type =', 'character 7: expected a value'],
    [
      'an operator without its left side',
      'AND type',
      'character 1: expected a value: an attribute, a string in quotes',
    ],
    [
      'two values in a row',
      'type id',
      'character 6: expected an operator (AND, OR, =, !=, LIKE, IN …) or the end, found "id"',
    ],
    ['a string behind a value', `type 'a'`, 'found the string "a"'],
    ['a number behind a value', 'type 5', 'found the number 5'],
    [
      'a parenthesis that is not closed',
      `(type = 'a'`,
      'expected an operator, or ")" to close the "(" at character 1, found the end',
    ],
    ['a parenthesis that was not opened', `type = 'a')`, 'character 11: this ")" closes nothing'],
    ['an empty parenthesis', '()', 'character 2: expected a value'],
    [
      'a call that is not closed',
      'LENGTH(type',
      'expected an operator, or "," or ")" to close the "(" at character 7, found the end',
    ],
    ['a comma without an argument', `CONCAT('a',)`, 'character 12: expected a value'],
    ['a comma outside of a call', `type, id`, 'character 5: expected an operator'],
    ['a string that is not closed', `type = 'a`, `character 8: the string that begins here has no closing '`],
    ['LIKE without a pattern', 'type LIKE id', 'expected a pattern in quotes after LIKE, found "id"'],
    ['LIKE with a pattern that is computed', `type LIKE CONCAT('a', '%')`, 'expected a pattern in quotes after LIKE'],
    ['LIKE with a number', 'type LIKE 5', 'expected a pattern in quotes after LIKE, found the number 5'],
    ['IN without parentheses', `type IN 'a'`, 'expected a set in parentheses after IN'],
    ['IN with nothing', 'type IN ()', 'expected a value: a set has at least one'],
    ['NOT behind a value', `type NOT 'a'`, 'expected LIKE or IN after NOT'],
    [
      'EXISTS with parentheses',
      'EXISTS (subject)',
      'expected the name of an attribute after EXISTS, found "("; it stands there without quotes and parentheses',
    ],
    ['EXISTS with a string', `EXISTS 'subject'`, 'expected the name of an attribute after EXISTS'],
    ['EXISTS with a reserved word', 'EXISTS in', 'expected the name of an attribute after EXISTS'],
    ['a reserved word as an attribute', `in = 'a'`, 'IN stands behind a value'],
    ['a plus without a number', '+id', 'a + stands between two values, or directly before a number'],
    [
      'a number that is too large',
      '3000000000',
      '"3000000000" is too large: an Integer is from -2147483648 to 2147483647',
    ],
    ['an underscore in a name', 'my_id', '"my_id" is no name of an attribute: those have letters and digits only'],
    ['a digit in the name of a function', 'MD5(id)', '"MD5" is no name of a function'],
    ['a call of what is no name', '5(id)', 'only the name of a function has arguments'],
    ['a letter of another script', 'größe = 5', 'character 3: "ö" has no meaning here'],
    ['a character that nobody sees', 'a\u0000', String.raw`"\u0000" has no meaning here`],
  ])('%s: %j', (_, expression, sentence) => {
    expect(refusal(expression)).toContain(sentence)
  })

  it('counts characters as people do, and lines where there are several', () => {
    expect(parseCesql(`'🌊' == 'a'`)).toMatchObject({ position: 5, message: expect.stringMatching(/^character 5: /) })
    expect(parseCesql(`type = 'a'\n  AND id == 'b'\n`)).toMatchObject({
      position: 21,
      message: expect.stringMatching(/^line 2, character 10: /),
    })
  })
})

describe('a slip from another language gets the word for it', () => {
  it.each([
    [`type == 'a'`, 'character 6: "==" has no meaning here: equality is written with one ='],
    [`type === 'a'`, '"===" has no meaning here: equality is written with one ='],
    [`type !== 'a'`, 'inequality is written !='],
    [`type = 'a' && id = 'b'`, '"and" is written AND'],
    [`type = 'a' || id = 'b'`, '"or" is written OR'],
    [`!paid`, '"not" is written NOT'],
    ['count => 5', '"greater or equal" is written >='],
    ['count =< 5', '"less or equal" is written <='],
    [`type =~ 'a.*'`, 'a pattern is matched with LIKE'],
    [`type = “a”`, `strings are written in the straight quotes ' or "`],
    ['type = `a`', `strings are written in ' or "`],
    [`event.type = 'a'`, 'write type, not event.type; the data of an event cannot be reached'],
    ['1.5 > count', 'numbers are whole: there is no decimal point'],
    [`type = 'a';`, 'an expression ends without a semicolon'],
    [`type IN ['a']`, 'a set is written in parentheses'],
    [`type\u00a0= 'a'`, 'this is a no-break space'],
    [`type = 'it''s'`, String.raw`a quote inside of a string is written \' or \"`],
    [String.raw`type = 'C:\'`, String.raw`\' is a quote inside of the string and does not end it`],
    [`type lkie 'a%'`, 'did you mean LIKE?'],
    [`type = 'a' adn id = 'b'`, 'did you mean AND?'],
    [`(type = 'a' adn id = 'b')`, 'did you mean AND?'],
    ['subject IS NOT NULL', 'asked with EXISTS'],
    ['count BETWEEN 1 AND 5', 'a range is written with two comparisons'],
    [`type CONTAINS 'a'`, `a part of a string is found with LIKE`],
    [`WHERE type = 'a'`, 'an expression is the condition alone, without WHERE'],
    [`SELECT type`, 'an expression is the condition alone, without SELECT'],
  ])('%s', (expression, sentence) => {
    expect(refusal(expression)).toContain(sentence)
  })
})

describe('what is legal and probably not meant gets a notice', () => {
  it.each([
    [
      `NOT type = 'a'`,
      'character 10: NOT binds stronger than =, so that it negates only what is between them: write NOT (a = b)',
    ],
    [`NOT type LIKE 'a'`, 'NOT binds stronger than LIKE'],
    [`a = 'x' OR b = 'y' AND c = 'z'`, 'OR and AND bind equally and go from left to right'],
    [`"type" = 'a'`, '"type" and "a" are both strings: the name of an attribute is written without quotes'],
    ['LENGHT(type) > 3', 'character 1: there is no function LENGHT; did you mean LENGTH?'],
    ['subject = null', 'null is read as an attribute'],
  ])('%s', (expression, sentence) => {
    expect(notices(expression)).toEqual([expect.stringContaining(sentence)])
  })

  it.each([
    `NOT (type = 'a')`,
    `(NOT paid) = TRUE`,
    `type NOT LIKE 'a%'`,
    `(a = 'x' OR b = 'y') AND c = 'z'`,
    `a = 'x' AND b = 'y' AND c = 'z'`,
    'NOT EXISTS subject',
    'length(type) > 3',
  ])('and what is meant gets none: %s', (expression) => {
    expect(notices(expression)).toEqual([])
  })

  it('tells ten of thousands: each costs a look at the whole text, and nobody reads them', () => {
    for (const slip of ["'a' = 'a'", 'null', 'F()', "NOT a = 'b'"]) {
      expect(notices(Array.from({ length: 4000 }, () => slip).join(' AND '))).toHaveLength(10)
    }
  })
})

describe('bounds', () => {
  const nested = (depth: number, open: string, close: string) => open.repeat(depth) + '1' + close.repeat(depth)

  it.each([
    ['parentheses', nested(200, '(', ')'), nested(201, '(', ')')],
    ['functions', nested(199, 'ABS(', ')'), nested(100_000, 'ABS(', ')').slice(0, maxLength)],
    ['NOT', nested(199, 'NOT ', ''), nested(201, 'NOT ', '')],
    ['minus', nested(199, '- ', ''), nested(30_000, '- ', '')],
    ['comparisons in a row', `1${' = 1'.repeat(199)}`, `1${' = 1'.repeat(10_000)}`],
    ['LIKE in a row', `1${` LIKE '1'`.repeat(199)}`, `1${` LIKE '1'`.repeat(5_000)}`],
    ['sets in sets', nested(199, '1 IN (', ')'), nested(201, '1 IN (', ')')],
  ])('%s may stand in each other 200 deep', (_, within, beyond) => {
    const parsed = parseCesql(within)
    expect(isCesqlError(parsed) ? parsed.message : parsed.evaluate(new Map()).error).toBeNull()
    expect(refusal(beyond)).toContain('stand in each other more than 200 deep here')
  })

  it.each([
    ['AND', Array.from({ length: 5_000 }, () => `n = '1'`).join(' AND '), true],
    ['OR', Array.from({ length: 5_000 }, () => `n = '2'`).join(' OR '), false],
    ['XOR', Array.from({ length: 5_001 }, () => 'TRUE').join(' XOR '), true],
    ['plus', Array.from({ length: 20_000 }, () => 'n').join('+'), 20_000],
    ['members', `n IN (${Array.from({ length: 10_000 }, (_, i) => i).join()})`, true],
    ['arguments', `LENGTH(CONCAT(${Array.from({ length: 20_000 }, () => 'n').join()}))`, 20_000],
  ])('%s: thousands in a row are no depth', (_, expression, value) => {
    const parsed = parseCesql(expression)
    expect(isCesqlError(parsed) || parsed.evaluate(new Map([['n', '1']]))).toEqual({ value, error: null })
  })

  it('an expression, and a pattern, have a length', () => {
    expect(refusal('1'.padEnd(maxLength))).toBeNull()
    expect(refusal('1'.padEnd(maxLength + 1))).toBe('the expression has 65537 characters; it may have 65536')
    expect(refusal(`type LIKE '${'a'.repeat(1_024)}'`)).toBeNull()
    expect(refusal(`type LIKE '${'a'.repeat(1_025)}'`)).toContain('this pattern has 1025 characters; it may have 1024')
  })
})
