import { never } from '../core/never.ts'
import { cesqlCondition } from './cesql-condition.ts'
import type { AttributeMap, FilterSpec } from './filter-spec.ts'

/** A condition that had a part in the decision. */
export interface Reason {
  /** Where in the filter, e.g. `any`, 0, `prefix`, `type`. */
  readonly path: readonly PropertyKey[]
  /** What was found, e.g. `"order.created" does not begin with "invoice."`. */
  readonly fact: string
}

/** Whether a filter passes an event, and why. */
export interface Explanation {
  readonly passes: boolean
  /** The conditions that decided, in the order of the filter: without any of them the answer could be another. */
  readonly reasons: readonly Reason[]
}

type Attributes = ReadonlyMap<string, string>

/**
 * Says for people what `compileFilter` says for machines: the same answer, always.
 *
 *     all   passes: the reasons of all          does not: those of the first that does not
 *     any   passes: those of the first that does     does not: those of all
 *     not   the same reasons, the other answer
 */
export function explainFilter(spec: FilterSpec, attributes: Attributes): Explanation {
  const broken = brokenExpression(spec, [])
  return broken === null ? explain(spec, attributes, []) : { passes: false, reasons: [broken] }
}

function explain(spec: FilterSpec, attributes: Attributes, path: Reason['path']): Explanation {
  if ('attributes' in spec) return entries(spec.attributes, [...path, 'attributes'], legacy, attributes)
  if ('exact' in spec) return entries(spec.exact, [...path, 'exact'], exact, attributes)
  if ('prefix' in spec) return entries(spec.prefix, [...path, 'prefix'], prefix, attributes)
  if ('suffix' in spec) return entries(spec.suffix, [...path, 'suffix'], suffix, attributes)
  if ('all' in spec) return first(spec.all, false, (member, i) => explain(member, attributes, [...path, 'all', i]))
  if ('any' in spec) return first(spec.any, true, (member, i) => explain(member, attributes, [...path, 'any', i]))
  if ('not' in spec) {
    const { passes, reasons } = explain(spec.not, attributes, [...path, 'not'])
    return { passes: !passes, reasons }
  }
  if ('cesql' in spec) return expression(spec.cesql, attributes, [...path, 'cesql'])
  return never(spec)
}

/** The first that gives `wanted` decides alone; else all together decide the opposite. */
function first<T>(members: readonly T[], wanted: boolean, ask: (member: T, i: number) => Explanation): Explanation {
  const reasons: Reason[] = []
  for (const [i, member] of members.entries()) {
    const answer = ask(member, i)
    if (answer.passes === wanted) return answer
    reasons.push(...answer.reasons)
  }
  return { passes: !wanted, reasons }
}

/** Whether a value is as asked, and that in words. */
type Comparison = (value: string, text: string) => { readonly holds: boolean; readonly fact: string }

const exact: Comparison = (value, text) => {
  const holds = value === text
  return { holds, fact: holds ? `is ${quote(value)}` : `${quote(value)} is not ${quote(text)}` }
}
const prefix: Comparison = (value, text) => {
  const holds = value.startsWith(text)
  return { holds, fact: `${quote(value)} ${holds ? 'begins' : 'does not begin'} with ${quote(text)}` }
}
const suffix: Comparison = (value, text) => {
  const holds = value.endsWith(text)
  return { holds, fact: `${quote(value)} ${holds ? 'ends' : 'does not end'} with ${quote(text)}` }
}
const legacy: Comparison = (value, text) => {
  if (text !== '') return exact(value, text)
  return { holds: value !== '', fact: value === '' ? 'is empty' : `is ${quote(value)}, not empty` }
}

function entries(map: AttributeMap, path: Reason['path'], compare: Comparison, attributes: Attributes): Explanation {
  return first(Object.entries(map), false, ([name, text]) => {
    const value = attributes.get(name)
    const { holds, fact } = value === undefined ? missing : compare(value, text)
    return { passes: holds, reasons: [{ path: [...path, name], fact }] }
  })
}

const missing = { holds: false, fact: 'the event has no such attribute' }

function expression(text: string, attributes: Attributes, path: Reason['path']): Explanation {
  const condition = cesqlCondition(text)
  if (typeof condition === 'string') return { passes: false, reasons: [{ path, fact: condition }] }
  const { value, error } = condition.evaluate(attributes)
  if (error !== null)
    return { passes: false, reasons: [{ path, fact: `has an error (${error.class}): ${error.message}` }] }
  const passes = value === true
  const fact = typeof value === 'boolean' ? `is ${value}` : `is ${JSON.stringify(value)}, which is not true`
  return { passes, reasons: [{ path, fact }] }
}

/** The first expression that cannot be parsed: with it the filter passes nothing. */
function brokenExpression(spec: FilterSpec, path: Reason['path']): Reason | null {
  if ('cesql' in spec) {
    const condition = cesqlCondition(spec.cesql)
    return typeof condition === 'string' ? { path: [...path, 'cesql'], fact: condition } : null
  }
  if ('not' in spec) return brokenExpression(spec.not, [...path, 'not'])
  const [name, members] = 'all' in spec ? ['all', spec.all] : 'any' in spec ? ['any', spec.any] : ['', []]
  for (const [i, member] of members.entries()) {
    const broken = brokenExpression(member, [...path, name, i])
    if (broken !== null) return broken
  }
  return null
}

/** Long values are cut: they stand in a line for people. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}
