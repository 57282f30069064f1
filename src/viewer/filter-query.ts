import { cesqlCondition } from '../event/cesql-condition.ts'
import { compileFilter } from '../event/filter.ts'
import { FilterSpec } from '../event/filter-spec.ts'
import type { Wanted } from './place.ts'
import type { KeptEvent } from './seen-event.ts'

/** What is wrong with one part of a query. */
export interface FilterProblem {
  /** Which part: the n-th parameter of the query, from 0, among those that filter. */
  readonly index: number
  readonly parameter: string
  readonly message: string
}

const dialects = ['exact', 'prefix', 'suffix', 'cesql', 'text', 'to'] as const
type Dialect = (typeof dialects)[number]

/** Filters of one stream. */
const most = 20
/** How far into the data `text` looks, bytes. */
const searched = 65_536

/**
 * A filter as a query: all parameters must pass.
 *
 *     ?exact=type:order.created & prefix=source:/shop & suffix=subject:.png     attribute, colon, value
 *      &cesql=EXISTS priority                                                   an expression of CloudEvents SQL 1.0
 *      &text=bob                                                                anywhere in attributes and text, upper or lower case
 *      &to=/default/greeter                                                     the path that it was delivered to
 */
export function readFilter(query: URLSearchParams): Wanted | readonly FilterProblem[] {
  const asked = [...query].filter((entry): entry is [Dialect, string] => dialects.some((name) => name === entry[0]))
  if (asked.length > most) return [{ index: most, parameter: 'cesql', message: `${most} filters are the most` }]
  const parts = asked.map(([parameter, value]) => readPart(parameter, value))
  const problems = parts.flatMap((part, index) => {
    return typeof part === 'string' ? [{ index, parameter: asked[index]?.[0] ?? '', message: part }] : []
  })
  if (problems.length > 0) return problems
  const all = parts as Wanted[]
  return (event) => all.every((wanted) => wanted(event))
}

/** Tells the two apart. */
export function isFilter(read: Wanted | readonly FilterProblem[]): read is Wanted {
  return typeof read === 'function'
}

/** @returns what is wrong, if something is. */
function readPart(dialect: Dialect, value: string): Wanted | string {
  if (dialect === 'text') return containing(value)
  if (dialect === 'to') return ({ to }) => to === value
  if (dialect === 'cesql') {
    const condition = cesqlCondition(value)
    return typeof condition === 'string' ? condition : passing({ cesql: value })
  }
  const colon = value.indexOf(':')
  if (colon < 1) return 'needs the name of an attribute, a colon and a value, e.g. type:order.created'
  const spec = FilterSpec.safeParse({ [dialect]: { [value.slice(0, colon)]: value.slice(colon + 1) } })
  return spec.success ? passing(spec.data) : (spec.error.issues[0]?.message ?? 'is no filter')
}

function passing(spec: FilterSpec): Wanted {
  const filter = compileFilter(spec)
  return ({ event }) => filter.matches(event.attributes)
}

function containing(text: string): Wanted {
  const wanted = text.toLowerCase()
  const has = (part: string): boolean => part.toLowerCase().includes(wanted)
  return ({ to, event }: KeptEvent) => {
    if (has(to)) return true
    for (const [name, value] of event.attributes) if (has(value) || has(name)) return true
    return event.data !== null && has(event.data.toString('utf8', 0, searched))
  }
}
