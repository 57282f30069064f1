import { didYouMean } from '../../core/edit-distance.ts'

/** What other languages write, and what CESQL writes instead. Longest first where one begins with another. */
const symbols: readonly (readonly [slip: string, instead: string])[] = [
  ['===', 'equality is written with one ='],
  ['!==', 'inequality is written !='],
  ['==', 'equality is written with one ='],
  ['=~', "a pattern is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['=>', '"greater or equal" is written >='],
  ['=<', '"less or equal" is written <='],
  ['&&', '"and" is written AND'],
  ['&', '"and" is written AND'],
  ['||', '"or" is written OR; strings are joined with CONCAT(a, b)'],
  ['|', '"or" is written OR'],
  ['!', '"not" is written NOT'],
  ['~', "a pattern is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['^', 'exclusive "or" is written XOR'],
  [';', 'an expression ends without a semicolon'],
  ['.', 'names of attributes have no dots: write type, not event.type; the data of an event cannot be reached'],
  ['[', "a set is written in parentheses, e.g. type IN ('a', 'b')"],
  ['{', "a set is written in parentheses, e.g. type IN ('a', 'b')"],
  ['`', 'strings are written in \' or ", names of attributes in nothing'],
  ['$', 'names of attributes are written as they are, e.g. type'],
  ['@', 'names of attributes are written as they are, e.g. type'],
  ['‘', 'strings are written in the straight quotes \' or "'],
  ['’', 'strings are written in the straight quotes \' or "'],
  ['“', 'strings are written in the straight quotes \' or "'],
  ['”', 'strings are written in the straight quotes \' or "'],
  ['\u00A0', 'this is a no-break space: write an ordinary one'],
  ['≠', 'inequality is written !='],
  ['≤', '"less or equal" is written <='],
  ['≥', '"greater or equal" is written >='],
]

/** A symbol of another language at this place, with what to write instead. */
export function symbolSlip(text: string, offset: number): { readonly slip: string; readonly hint: string } | null {
  const found = symbols.find(([slip]) => text.startsWith(slip, offset))
  return found === undefined ? null : { slip: found[0], hint: found[1] }
}

const words: ReadonlyMap<string, string> = new Map([
  ['IS', 'whether an attribute is there is asked with EXISTS, e.g. EXISTS subject or NOT EXISTS subject'],
  ['BETWEEN', 'a range is written with two comparisons, e.g. n >= 1 AND n <= 9'],
  ['CONTAINS', "a part of a string is found with LIKE, e.g. type LIKE '%order%'"],
  ['STARTSWITH', "the beginning of a string is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['ENDSWITH', "the end of a string is matched with LIKE, e.g. type LIKE '%.created'"],
  ['MATCHES', "a pattern is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['REGEXP', "a pattern is matched with LIKE, where % is any text and _ any character, e.g. type LIKE 'order.%'"],
  ['EQ', 'equality is written ='],
  ['EQUALS', 'equality is written ='],
  ['MOD', 'the remainder is written %'],
  ['ESCAPE', 'the escape character of LIKE is always \\'],
])

const operators = ['AND', 'OR', 'XOR', 'LIKE', 'NOT', 'IN']

/** What to write instead of a word that stands where an operator is expected. */
export function operatorSlip(word: string): string | null {
  const known = words.get(word.toUpperCase())
  if (known !== undefined) return known
  const near = didYouMean(word, operators)
  return near === null ? null : `did you mean ${near}?`
}

const functionNames: ReadonlyMap<string, string> = new Map([
  ['CONTAINS', "a part of a string is found with LIKE, e.g. type LIKE '%order%'"],
  ['STARTSWITH', "the beginning of a string is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['STARTS_WITH', "the beginning of a string is matched with LIKE, e.g. type LIKE 'order.%'"],
  ['ENDSWITH', "the end of a string is matched with LIKE, e.g. type LIKE '%.created'"],
  ['ENDS_WITH', "the end of a string is matched with LIKE, e.g. type LIKE '%.created'"],
  ['LEN', 'did you mean LENGTH?'],
  ['SIZE', 'did you mean LENGTH?'],
  ['SUBSTR', 'did you mean SUBSTRING?'],
  ['INTEGER', 'did you mean INT?'],
  ['BOOLEAN', 'did you mean BOOL?'],
  ['STR', 'did you mean STRING?'],
  ['TOUPPER', 'did you mean UPPER?'],
  ['TOLOWER', 'did you mean LOWER?'],
])

/** What to write instead of a function that does not exist: `name` in upper case. */
export function functionSlip(name: string, known: Iterable<string>): string | null {
  const hint = functionNames.get(name)
  if (hint !== undefined) return hint
  const near = didYouMean(name, known)
  return near === null ? null : `did you mean ${near}?`
}
