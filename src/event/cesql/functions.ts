import { maxInteger, minInteger, readBoolean, readInteger, toBoolean, toInteger, toText } from './cast.ts'
import { length, offsetOf, trim } from './characters.ts'
import type { CesqlValue } from './expression.ts'
import { errorOf, fail, type Scope } from './scope.ts'
import { functionSlip } from './slips.ts'

/** What an argument is cast to before the call. */
export type ParameterType = 'string' | 'integer' | 'any'

/** A built-in function of one arity, or of any arity from `parameters` on. */
export interface CesqlFunction {
  readonly name: string
  readonly parameters: readonly ParameterType[]
  /** The type of all arguments beyond `parameters`; null: there are none. */
  readonly others: ParameterType | null
  /** Returned when an argument is in error. */
  readonly zero: CesqlValue
  /** Gets arguments that have the types of the parameters. */
  apply(args: readonly CesqlValue[], scope: Scope): CesqlValue
}

type Apply = (args: readonly CesqlValue[], scope: Scope) => CesqlValue

const define = (name: string, parameters: readonly ParameterType[], zero: CesqlValue, apply: Apply): CesqlFunction => ({
  name,
  parameters,
  others: null,
  zero,
  apply,
})

const text = (args: readonly CesqlValue[]) => args[0] as string
const number = (args: readonly CesqlValue[], index: number) => args[index] as number

/** The built-in functions of §3.5, and the casts by name that the conformance tests of CESQL ask for. */
const functions: readonly CesqlFunction[] = [
  define('INT', ['any'], 0, (args, scope) => toInteger(args[0] as CesqlValue, scope)),
  define('BOOL', ['any'], false, (args, scope) => toBoolean(args[0] as CesqlValue, scope)),
  define('STRING', ['any'], '', (args) => toText(args[0] as CesqlValue)),
  define('IS_INT', ['any'], false, ([value]) => typeof value !== 'string' || readInteger(value) !== null),
  define('IS_BOOL', ['any'], false, ([value]) => typeof value !== 'string' || readBoolean(value) !== null),
  define('LENGTH', ['string'], 0, (args) => length(text(args))),
  { ...define('CONCAT', [], '', (args, scope) => concat(args, '', scope)), others: 'string' },
  {
    ...define('CONCAT_WS', ['string'], '', (args, scope) => concat(args.slice(1), text(args), scope)),
    others: 'string',
  },
  define('LOWER', ['string'], '', (args) => text(args).toLowerCase()),
  define('UPPER', ['string'], '', (args) => text(args).toUpperCase()),
  define('TRIM', ['string'], '', (args) => trim(text(args))),
  define('LEFT', ['string', 'integer'], '', (args, scope) => left(text(args), number(args, 1), scope)),
  define('RIGHT', ['string', 'integer'], '', (args, scope) => right(text(args), number(args, 1), scope)),
  define('SUBSTRING', ['string', 'integer'], '', (args, scope) => {
    return substring(text(args), number(args, 1), Infinity, scope)
  }),
  define('SUBSTRING', ['string', 'integer', 'integer'], '', (args, scope) => {
    return substring(text(args), number(args, 1), number(args, 2), scope)
  }),
  define('ABS', ['integer'], 0, (args, scope) => abs(number(args, 0), scope)),
]

const byName: ReadonlyMap<string, readonly CesqlFunction[]> = new Map(
  functions.map(({ name }) => [name, functions.filter((other) => other.name === name)]),
)

/** The function of this name, in upper case, that takes so many arguments; null: there is none. */
export function functionFor(name: string, args: number): CesqlFunction | null {
  const found = byName.get(name)?.find(({ parameters, others }) => {
    return parameters.length === args || (others !== null && parameters.length < args)
  })
  return found ?? null
}

/** Why there is no such function, for people. */
export function functionProblem(name: string, args: number): string {
  const known = byName.get(name)
  if (known !== undefined) {
    const takes = known.map(({ parameters, others }) => `${others === null ? '' : 'at least '}${parameters.length}`)
    const here = args === 1 ? 'here is 1' : `here are ${args}`
    return `${name} takes ${takes.join(' or ')} argument${takes.at(-1)?.endsWith('1') === true ? '' : 's'}, ${here}`
  }
  const hint = functionSlip(name, byName.keys())
  return `there is no function ${name}; ${hint ?? `there are ${[...byName.keys()].join(', ')}`}`
}

/** No engine holds strings without end: this much, and no exception. */
const maxText = 16_777_216

function concat(parts: readonly CesqlValue[], delimiter: string, scope: Scope): string {
  const size = parts.reduce<number>((sum, part) => sum + (part as string).length + delimiter.length, 0)
  if (size > maxText) return failed(scope, `a string cannot be longer than ${maxText} characters`, '')
  return parts.join(delimiter)
}

function left(x: string, count: number, scope: Scope): string {
  if (count < 0) return failed(scope, `LEFT takes a number of characters from 0 on, not ${count}`, x)
  return x.slice(0, offsetOf(x, count))
}

function right(x: string, count: number, scope: Scope): string {
  if (count < 0) return failed(scope, `RIGHT takes a number of characters from 0 on, not ${count}`, x)
  return x.slice(offsetOf(x, length(x) - count))
}

function substring(x: string, position: number, count: number, scope: Scope): string {
  const all = length(x)
  if (count < 0) return failed(scope, `SUBSTRING takes a length from 0 on, not ${count}`, '')
  if (position > all || position < -all) {
    return failed(scope, `SUBSTRING begins at character ${position} of a string of ${all}`, '')
  }
  if (position === 0) return ''
  const start = position > 0 ? position - 1 : all + position
  const from = offsetOf(x, start)
  return x.slice(from, from + offsetOf(x.slice(from), Math.min(count, all)))
}

function abs(x: number, scope: Scope): number {
  if (x !== minInteger) return Math.abs(x)
  return fail(scope, errorOf('math', `ABS(${x}) is larger than the largest Integer, ${maxInteger}`), maxInteger)
}

const failed = (scope: Scope, message: string, value: string) =>
  fail(scope, errorOf('functionEvaluation', message), value)
