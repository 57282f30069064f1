import { describe, expect, it } from 'vitest'
import type { CesqlErrorClass, CesqlValue } from './expression.ts'
import { isCesqlError, parseCesql } from './parse.ts'

const event: ReadonlyMap<string, CesqlValue> = new Map<string, CesqlValue>([
  ['specversion', '1.0'],
  ['id', '7'],
  ['source', '/shop/eu'],
  ['type', 'order.created'],
  ['empty', ''],
  ['count', '12'],
  ['paid', 'TRUE'],
  // As an event in JSON has them; from Kafka all are strings.
  ['retries', 3],
  ['urgent', true],
])

type Row = readonly [sentence: string, expression: string, value: CesqlValue, error?: CesqlErrorClass]

function check(rows: readonly Row[]): void {
  const named = rows.map(([sentence, expression, value, error]) => ({ sentence, expression, value, error }))
  it.each(named)('$sentence: $expression', ({ expression, value, error }) => {
    const parsed = parseCesql(expression)
    const result = isCesqlError(parsed) ? { value: false, error: parsed } : parsed.evaluate(event)
    expect({ value: result.value, error: result.error?.class }).toEqual({ value, error })
    if (!isCesqlError(parsed)) expect(parsed.passes(event)).toBe(value === true && error === undefined)
  })
}

describe('literals (§2.2)', () => {
  check([
    ['single quotes make a string', `'mill'`, 'mill'],
    ['double quotes make a string too', `"race"`, 'race'],
    ['a string may be empty', `''`, ''],
    ['the case of a string stays', `'MiLL'`, 'MiLL'],
    ['a single quote is escaped among single quotes', String.raw`'it\'s'`, `it's`],
    ['a double quote is escaped among double quotes', String.raw`"5\" pipe"`, `5" pipe`],
    ['the other quote needs no escape', `'5" pipe'`, `5" pipe`],
    ['the other quote keeps its backslash', String.raw`'a\"b'`, String.raw`a\"b`],
    ['a backslash before a letter stays', String.raw`'C:\new'`, String.raw`C:\new`],
    ['two backslashes stay two, and do not escape the quote behind', String.raw`'a\\'`, String.raw`a\\`],
    ['a string may have any character, over lines too', `'Mühle\n🌊'`, 'Mühle\n🌊'],
    ['digits make an Integer', '42', 42],
    ['leading zeros do not count', '007', 7],
    ['a minus directly before belongs to the number', '-42', -42],
    ['a plus directly before belongs to it too', '+42', 42],
    ['the largest Integer', '2147483647', 2147483647],
    ['one more is no Integer', '2147483648', false, 'parse'],
    ['the smallest Integer', '-2147483648', -2147483648],
    ['one less is no Integer', '-2147483649', false, 'parse'],
    ['a minus apart from its number is an operator, on a number that is too large', '- 2147483648', false, 'parse'],
    ['a plus apart from its number is nothing', '+ 5', false, 'parse'],
    ['zero has no sign', '-0', 0],
    ['true in any case', 'tRUe', true],
    ['false in any case', 'FALSe', false],
  ])
})

describe('attributes (§3.2)', () => {
  check([
    ['a name is the value', 'type', 'order.created'],
    ['in any case', 'TYPE', 'order.created'],
    ['what is text in the event is text, also digits', 'count', '12'],
    ['what is an integer in the event is an Integer', 'retries', 3],
    ['what is a boolean in the event is a Boolean', 'urgent', true],
    ['names of functions are names of attributes when nothing is called', `left = 'x'`, false, 'missingAttribute'],
    ['a name may begin with a digit', '3d', false, 'missingAttribute'],
    ['a name may have many characters', 'a'.repeat(60), false, 'missingAttribute'],
    ['names of Object.prototype are ordinary names', 'constructor', false, 'missingAttribute'],
    ['alone and missing it is false, since its type is not known', 'nowhere', false, 'missingAttribute'],
    ['missing in a comparison: false', `nowhere = ''`, false, 'missingAttribute'],
    ['missing in an inequality: false too', `nowhere != ''`, false, 'missingAttribute'],
    ['missing on the right: false', `'' = nowhere`, false, 'missingAttribute'],
    ['missing beside the order of numbers: false', 'nowhere >= 0', false, 'missingAttribute'],
    ['missing in arithmetic: 0', '5 + nowhere', 0, 'missingAttribute'],
    ['missing is not divided by: no math error', '7 / nowhere', 0, 'missingAttribute'],
    ['missing is not divided either', 'nowhere % 0', 0, 'missingAttribute'],
    ['missing counts more than a cast that fails beside it', `'x' * nowhere`, 0, 'missingAttribute'],
    ['missing behind a minus: 0', '-nowhere', 0, 'missingAttribute'],
    ['missing behind NOT: false', 'NOT nowhere', false, 'missingAttribute'],
    ['missing before LIKE: false', `nowhere LIKE '%'`, false, 'missingAttribute'],
    ['missing before NOT LIKE: false', `nowhere NOT LIKE 'a'`, false, 'missingAttribute'],
    ['missing before IN: false', `nowhere IN ('a')`, false, 'missingAttribute'],
    ['missing before NOT IN: false', `nowhere NOT IN ('a')`, false, 'missingAttribute'],
    ['missing in a function of strings: empty', 'UPPER(nowhere)', '', 'missingAttribute'],
    ['missing in a function of numbers: 0', 'LENGTH(nowhere)', 0, 'missingAttribute'],
    ['missing deep inside: the zero value of what is outside', `LENGTH(UPPER(nowhere)) > 0`, false, 'missingAttribute'],
    ['missing behind a false is not asked for', `FALSE AND nowhere = 'a'`, false],
  ])
})

describe('errors on the way up (§3.3, §4.1)', () => {
  check([
    ['NOT of an error is false, not true', 'NOT (1 / 0 = 0)', false, 'math'],
    ['the zero value is no operand: 1 / 0 is not 0', '1 / 0 = 0', false, 'math'],
    ['a number beside an error is 0', '5 + 1 / 0', 0, 'math'],
    ['a string around an error is empty', `CONCAT('a', 1 / 0)`, '', 'math'],
    ['of two errors the left one is told', `(1 / 0 = 1) AND BOOL('x')`, false, 'math'],
    [
      'what a function returns beside its error stays, when nothing is around it',
      `LEFT('mill', -1)`,
      'mill',
      'functionEvaluation',
    ],
    ['and goes when something is', `LEFT('mill', -1) = 'mill'`, false, 'functionEvaluation'],
  ])
})

describe('NOT and minus (§3.4.1)', () => {
  check([
    ['NOT turns true', 'NOT TRUE', false],
    ['NOT turns false', 'NOT FALSE', true],
    ['NOT twice', 'NOT NOT TRUE', true],
    ['NOT casts a string', `NOT 'False'`, true],
    ['NOT cannot cast any string', `NOT 'no'`, false, 'cast'],
    ['NOT casts an Integer: what is not 0 is true', 'NOT 10', false],
    ['NOT 0 is true', 'NOT 0', true],
    ['minus turns the sign', '-(3)', -3],
    ['minus of an attribute', '-count', -12],
    ['minus of a string that is a number', `-'5'`, -5],
    ['minus of a boolean', '-TRUE', -1],
    ['minus twice', '--5', 5],
    ['minus of zero has no sign', '-(0)', 0],
    ['minus of the smallest Integer does not fit', '-(-2147483648)', 0, 'math'],
    ['minus of what is no number', `-'five'`, 0, 'cast'],
  ])
})

describe('arithmetic (§3.4.2)', () => {
  check([
    ['plus', '2 + 3', 5],
    ['minus', '2 - 3', -1],
    ['minus needs no space', '4-1', 3],
    ['a sign needs no space behind an operator', '4 - -1', 5],
    ['a sign before the second number does not make two numbers of a subtraction', '4 -1', 3],
    ['plus and sign', '4++1', 5],
    ['times', '6 * 7', 42],
    ['division drops the rest', '7 / 2', 3],
    ['division goes towards zero', '-7 / 2', -3],
    ['the remainder', '7 % 2', 1],
    ['the remainder has the sign of the left', '-7 % 2', -1],
    ['not of the right', '7 % -2', 1],
    ['a remainder of zero has no sign', '-4 % 2', 0],
    ['division by zero', '7 / 0', 0, 'math'],
    ['remainder by zero', '7 % 0', 0, 'math'],
    ['the left operand is cast', `'4' + 1`, 5],
    ['the right operand is cast', `1 + '4'`, 5],
    ['booleans are 1 and 0', 'TRUE + TRUE + FALSE', 2],
    ['attributes are cast', 'count + retries', 15],
    ['what is no number is an error', `'four' + 1`, 0, 'cast'],
    ['a sum that does not fit', '2147483647 + 1', 0, 'math'],
    ['a difference that does not fit', '-2147483648 - 1', 0, 'math'],
    ['a product that does not fit', '65536 * 65536', 0, 'math'],
    ['a product far beyond what doubles hold', '2147483647 * 2147483647', 0, 'math'],
    ['a product that fits just so', '65536 * -32768', -2147483648],
    ['a quotient that does not fit', '-2147483648 / -1', 0, 'math'],
    ['a remainder of it that does', '-2147483648 % -1', 0],
    ['what is too large on the way is an error, also when the end would fit', '2147483647 + 1 - 1', 0, 'math'],
  ])
})

describe('comparison (§3.4.2)', () => {
  check([
    ['equal strings', `'a' = 'a'`, true],
    ['case counts', `'a' = 'A'`, false],
    ['unequal with !=', `'a' != 'b'`, true],
    ['unequal with <>', `'a' <> 'b'`, true],
    ['equal is not unequal', `'a' <> 'a'`, false],
    ['equal numbers', '5 = 5', true],
    ['equal booleans', 'FALSE = FALSE', true],
    ['less', '1 < 2', true],
    ['less does not have equal', '2 < 2', false],
    ['less or equal', '2 <= 2', true],
    ['greater', '3 > 2', true],
    ['greater does not have equal', '2 > 2', false],
    ['greater or equal', '2 >= 3', false],
    ['order is of numbers, not of letters', `'9' < '10'`, true],
    ['order of what is no number', `'a' < 'b'`, false, 'cast'],
    ['an attribute with a string', `type = 'order.created'`, true],
    ['an attribute with another string', `type != 'order.created'`, false],
    ['an Integer attribute with a string: as strings', `retries = '3'`, true],
    ['so that leading zeros count', `retries = '03'`, false],
    ['a Boolean attribute with a string: as strings', `urgent = 'TRUE'`, false],
    ['an attribute with an attribute', 'id = id', true],
  ])
})

describe('implicit casts (§3.7)', () => {
  check([
    ['the type on the right decides: a number, so leading zeros do not count', `'012' = 12`, true],
    ['a string, so they do', `12 = '012'`, false],
    ['a boolean, so case does not count', `'TRUE' = true`, true],
    ['a string, so it does', `true = 'TRUE'`, false],
    ['an Integer on the left of a Boolean: what is not 0 is true', '7 = TRUE', true],
    ['a Boolean on the left of an Integer: 1', 'TRUE = 1', true],
    ['so that true is not 7', 'TRUE = 7', false],
    ['a string on the left of a number that is none', `'seven' = 7`, false, 'cast'],
    ['the same with !=: still false', `'seven' != 7`, false, 'cast'],
    ['a string on the left of a Boolean that is none', `'yes' = TRUE`, false, 'cast'],
    ['an attribute as a number', 'count = 12', true],
    ['an attribute as a boolean', 'paid = TRUE', true],
    ['a sign is part of a number', `INT('+5')`, 5],
    ['spaces are not', `INT(' 5')`, 0, 'cast'],
    ['nor is a point', `INT('5.0')`, 0, 'cast'],
    ['nor letters', `INT('0x10')`, 0, 'cast'],
    ['an empty string is no number', 'INT(empty)', 0, 'cast'],
    ['a string that is too large a number', `INT('2147483648')`, 0, 'cast'],
    ['a string of any length that is a small number', `INT('${'0'.repeat(90)}5')`, 5],
    ['digits of other scripts are none', `INT('٥')`, 0, 'cast'],
    ['1 is not the text of true', `BOOL('1')`, false, 'cast'],
  ])
})

describe('AND, OR, XOR (§3.4.2, §3.6)', () => {
  check([
    ['true AND true', 'TRUE AND TRUE', true],
    ['true AND false', 'TRUE AND FALSE', false],
    ['false OR true', 'FALSE OR TRUE', true],
    ['false OR false', 'FALSE OR FALSE', false],
    ['XOR of unequal', 'TRUE XOR FALSE', true],
    ['XOR of equal', 'TRUE XOR TRUE', false],
    ['operators in any case', 'true and not false oR FaLsE', true],
    ['operands are cast', `'true' AND 1`, true],
    ['what cannot be cast is an error', `TRUE AND 'perhaps'`, false, 'cast'],
    ['behind false, AND asks for nothing', `FALSE AND 1 / 0 = 1`, false],
    ['behind true, OR asks for nothing', `TRUE OR 1 / 0 = 1`, true],
    ['behind true, AND asks', `TRUE AND 1 / 0 = 1`, false, 'math'],
    ['behind false, OR asks', `FALSE OR 1 / 0 != 1`, false, 'math'],
    ['XOR always asks', `TRUE XOR 1 / 0 = 1`, false, 'math'],
    ['an error before OR is an error, whatever stands behind', `1 / 0 = 1 OR TRUE`, false, 'math'],
    ['in a long chain of AND the first false ends it', `TRUE AND TRUE AND FALSE AND nowhere`, false],
    ['in a long chain of OR the first true ends it', `FALSE OR FALSE OR TRUE OR nowhere`, true],
    ['a false that AND skips is still false for the OR behind it', 'FALSE AND nowhere OR TRUE', true],
    ['a true that OR skips is still true for the AND behind it', 'TRUE OR nowhere AND FALSE', false],
  ])
})

describe('precedence (§3.6)', () => {
  check([
    ['times before plus', '2 + 3 * 4', 14],
    ['parentheses before both', '(2 + 3) * 4', 20],
    ['minus goes from left to right', '10 - 4 - 3', 3],
    ['division and times go from left to right', '8 / 4 * 2', 4],
    ['arithmetic before comparison', '1 + 1 = 2', true],
    ['comparisons go from left to right', '3 > 2 = TRUE', true],
    ['of three numbers in order the first two make a Boolean', '3 > 2 > 1', false],
    ['comparison before AND', `id = '7' AND count = 12`, true],
    ['AND and OR are equals, from left to right: the last decides', 'TRUE OR TRUE AND FALSE', false],
    ['and so they are the other way round', 'FALSE AND FALSE OR TRUE', true],
    ['XOR is their equal too', 'TRUE OR FALSE XOR TRUE', false],
    ['NOT before comparison', `NOT TRUE = FALSE`, true],
    ['NOT before AND', 'NOT FALSE AND FALSE', false],
    ['NOT before LIKE', `NOT FALSE LIKE 'true'`, true],
    ['NOT before IN', `NOT FALSE IN (TRUE)`, true],
    ['minus before LIKE', `-(5) LIKE '-5'`, true],
    ['minus before times', '-(2) * 3', -6],
    ['NOT of EXISTS', 'NOT EXISTS nowhere', true],
    ['EXISTS before IN', 'EXISTS nowhere IN (FALSE)', true],
    ['LIKE before EXISTS and IN, one behind the other', `'a' LIKE 'a' IN (TRUE)`, true],
    ['LIKE before plus', `1 + '5' LIKE '5'`, 2],
    ['IN before times', `3 * 2 IN (2)`, 3],
    ['IN before comparison', `TRUE = 'a' IN ('a')`, true],
    ['LIKE of LIKE goes from left to right', `'a' LIKE 'b' LIKE 'false'`, true],
  ])
})

describe('EXISTS (§3.4.4)', () => {
  check([
    ['what is there', 'EXISTS source', true],
    ['what is there and empty', 'EXISTS empty', true],
    ['what is not', 'EXISTS subject', false],
    ['in any case', 'exists SOURCE', true],
    ['it guards what stands behind', `EXISTS nowhere AND nowhere = 'a'`, false],
  ])
  it.each(['id', 'source', 'type', 'specversion'])('each event has %s', (name) => {
    const parsed = parseCesql(`EXISTS ${name}`)
    expect(isCesqlError(parsed) || parsed.evaluate(new Map())).toEqual({ value: true, error: null })
  })
})

describe('IN (§3.4.5)', () => {
  check([
    ['a member', `type IN ('order.paid', 'order.created')`, true],
    ['no member', `type IN ('order.paid')`, false],
    ['NOT IN', `type NOT IN ('order.paid')`, true],
    ['NOT IN of a member', `type NOT IN ('order.created')`, false],
    ['case counts', `'A' IN ('a')`, false],
    ['numbers', '5 IN (1, 5)', true],
    ['booleans', 'FALSE IN (TRUE)', false],
    ['members are cast to the type on the left: a string', `'5' IN (5)`, true],
    ['so that leading zeros count', `'05' IN (5)`, false],
    ['a number', `5 IN ('05')`, true],
    ['a boolean', `TRUE IN ('TRUE')`, true],
    ['a Boolean as a string is in lower case', `'TRUE' IN (TRUE)`, false],
    ['an Integer attribute', `retries IN ('1', '03')`, true],
    ['a Boolean attribute', `urgent IN ('FALSE', 'TRUE')`, true],
    ['members may be any expression', `'/SHOP/EU' IN (id, UPPER(source))`, true],
    ['a member that is missing', `id IN (nowhere, '7')`, false, 'missingAttribute'],
    ['is not asked for behind one that is equal', `id IN ('7', nowhere)`, true],
    ['a member that cannot be cast', `5 IN ('five', '5')`, false, 'cast'],
    ['with NOT IN: false too', `5 NOT IN ('five')`, false, 'cast'],
    ['a cast that fails does not look equal', `FALSE IN ('no')`, false, 'cast'],
    ['a set in a set', `TRUE IN (id IN ('7'))`, true],
    ['an empty set is no set', `id IN ()`, false, 'parse'],
  ])
})
