import type { CesqlError, CesqlResult } from '../../event/cesql/expression.ts'
import { isCesqlError, parseCesql } from '../../event/cesql/parse.ts'
import type { Line } from '../json-lines.ts'
import { attributesOf, kindOf } from './attributes.ts'

const example = '{"expression": "type = \'a\'", "event": {"type": "a"}}'

/** The answer to a line of input: never fails, what cannot be understood is an error of class `generic` that names the line. */
export function answerLine(line: Line, number: number): CesqlResult {
  const request = readRequest(line)
  if (typeof request === 'string') return refused({ class: 'generic', message: `line ${number}: ${request}` })
  const attributes = attributesOf(request.event)
  if (typeof attributes === 'string') {
    return refused({ class: 'generic', message: `line ${number}: "event": ${attributes}` })
  }
  return evaluate(request.expression, attributes)
}

/** The answer to an expression: one that cannot be parsed has the value false, since what type it would have had nobody knows. */
export function evaluate(expression: string, attributes: ReadonlyMap<string, boolean | number | string>): CesqlResult {
  const parsed = parseCesql(expression)
  return isCesqlError(parsed) ? refused(parsed) : parsed.evaluate(attributes)
}

const refused = (error: CesqlError): CesqlResult => ({ value: false, error })

interface Request {
  readonly expression: string
  readonly event: object
}

function readRequest(line: Line): Request | string {
  if (line === null) return 'is too long'
  const read = readJson(line)
  if ('problem' in read) return `${read.problem}; expected e.g. ${example}`
  const { expression: given, event } = read.object as { readonly expression?: unknown; readonly event?: unknown }
  const expression = literal(given)
  if (typeof expression !== 'string') return `"expression" is ${kindOf(expression)}; expected e.g. ${example}`
  if (event === undefined || event === null) return { expression, event: {} }
  if (typeof event !== 'object' || Array.isArray(event)) {
    return `"event" is ${kindOf(event)}: it must be an event in the JSON format of CloudEvents`
  }
  return { expression, event }
}

/** Out of YAML, where nothing asks for quotes, `expression: TRUE` and `expression: -10` come as what they are: these expressions. */
function literal(given: unknown): unknown {
  return typeof given === 'boolean' || typeof given === 'number' ? String(given) : given
}

/** The object that bytes are in JSON, or in words why they are none. */
export function readJson(bytes: Buffer): { readonly object: object } | { readonly problem: string } {
  const problem = (what: string) => ({ problem: `is no JSON object: ${what}` })
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.trim() === '') return problem('it is empty')
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { object: value }
    return problem(`it is ${kindOf(value)}`)
  } catch (error) {
    return problem(error instanceof SyntaxError ? error.message : 'it is not UTF-8')
  }
}
