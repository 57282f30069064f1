import { never } from '../core/never.ts'
import { mostAlternatives } from './cesql/conditions.ts'
import type { CesqlAlternatives, CesqlExpression } from './cesql/expression.ts'
import type { AttributeMap, FilterSpec } from './filter-spec.ts'

/** A condition that an index can look up in the attributes of an event. */
export type FilterKey =
  /** The attribute has this value. */
  | { readonly kind: 'exact'; readonly attribute: string; readonly text: string }
  /** The attribute begins (ends) with this text, which is not empty. */
  | { readonly kind: 'prefix' | 'suffix'; readonly attribute: string; readonly text: string }
  /** The attribute is there and not empty. */
  | { readonly kind: 'present'; readonly attribute: string }

/** What must hold for a match, as far as it can be looked up. */
export type Lookup =
  | { readonly key: FilterKey }
  /** All of them: an index may choose one. Probably rarest first. */
  | { readonly allOf: readonly Lookup[] }
  /** At least one of them: an index must look for each. */
  | { readonly anyOf: readonly Lookup[] }

/** What an index may know of a filter. */
export interface FilterKeys {
  /** Null: nothing can be looked up. */
  readonly lookup: Lookup | null
  /** True when an event that meets the lookup passes, whatever is chosen of it: then nothing is left to check. */
  readonly complete: boolean
}

/** The expression of a text; null: it cannot be parsed. */
export type Expressions = (text: string) => CesqlExpression | null

/**
 *     exact, prefix, suffix, attributes ──► all of a key for each entry
 *     all ──► all of what its members say       (those that say nothing: left out)
 *     any ──► any of what its members say       (one that says nothing: nothing)
 *     cesql ──► all of the equalities and beginnings without which it is not true, and any of those of a set or an OR
 *     not ──► nothing; not not ──► what is below
 */
export function keysOf(spec: FilterSpec, expressions: Expressions): FilterKeys {
  if ('attributes' in spec) return ofEntries(spec.attributes, 'exact')
  if ('exact' in spec) return ofEntries(spec.exact, 'exact')
  if ('prefix' in spec) return ofEntries(spec.prefix, 'prefix')
  if ('suffix' in spec) return ofEntries(spec.suffix, 'suffix')
  if ('all' in spec) return ofAll(spec.all.map((member) => keysOf(member, expressions)))
  if ('any' in spec) return ofAny(spec.any.map((member) => keysOf(member, expressions)))
  if ('not' in spec) return 'not' in spec.not ? keysOf(spec.not.not, expressions) : nothing
  if ('cesql' in spec) return ofExpression(expressions(spec.cesql))
  return never(spec)
}

const nothing: FilterKeys = { lookup: null, complete: false }

/** '' is a text of `attributes` only, where it asks for presence. */
function ofEntries(map: AttributeMap, kind: 'exact' | 'prefix' | 'suffix'): FilterKeys {
  const keys = Object.entries(map).map(([attribute, text]): FilterKey =>
    text === '' ? { kind: 'present', attribute } : { kind, attribute, text },
  )
  return ofAll(keys.map((key) => ({ lookup: { key }, complete: true })))
}

function ofExpression(expression: CesqlExpression | null): FilterKeys {
  if (expression === null) return nothing
  const { alternatives, equalitiesAreAll } = expression
  const must = keysIn(expression).map((key) => ({ lookup: { key }, complete: equalitiesAreAll }))
  const either = alternatives.map((one) => ofAny(keysIn(one).map((key) => ({ lookup: { key }, complete: false }))))
  const members = [...must, ...either]
  return members.length === 0 ? nothing : ofAll(members)
}

function keysIn({ equalities, prefixes }: CesqlAlternatives): readonly FilterKey[] {
  return [
    ...equalities.map(({ attribute, value }) => ({ kind: 'exact' as const, attribute, text: value })),
    ...prefixes.map(({ attribute, prefix }) => ({ kind: 'prefix' as const, attribute, text: prefix })),
  ]
}

function ofAll(members: readonly FilterKeys[]): FilterKeys {
  const said = members.flatMap(({ lookup }) => (lookup === null ? [] : 'allOf' in lookup ? lookup.allOf : [lookup]))
  const [first, second] = said
  const complete = members.every((member) => member.complete)
  if (first === undefined) return { lookup: null, complete }
  if (second === undefined) return { lookup: first, complete }
  return { lookup: { allOf: said.toSorted((a, b) => rankOf(a) - rankOf(b)) }, complete: false }
}

function ofAny(members: readonly FilterKeys[]): FilterKeys {
  const said = members.flatMap(({ lookup }) => lookup ?? [])
  const lookup: Lookup = { anyOf: said }
  if (said.length < members.length || alternatives(lookup) > mostAlternatives) return nothing
  return { lookup, complete: members.every(({ complete }) => complete) }
}

/** How many keys may have to be looked for. */
function alternatives(lookup: Lookup): number {
  if ('key' in lookup) return 1
  if ('allOf' in lookup) return Math.max(...lookup.allOf.map(alternatives))
  return lookup.anyOf.reduce((sum, one) => sum + alternatives(one), 0)
}

/** Of the key that would be found most. */
function rankOf(lookup: Lookup): number {
  if ('key' in lookup) return rank(lookup.key)
  return 'allOf' in lookup ? Math.min(...lookup.allOf.map(rankOf)) : Math.max(...lookup.anyOf.map(rankOf))
}

/**
 * Lower is rarer. A value is rarer than its beginning or end, and that than mere presence. Among attributes: `id` names one event;
 * extensions and `subject` are what people route by when type and source are too coarse; `type` splits finer than `source`; the rest is
 * nearly the same on every event.
 */
function rank({ kind, attribute }: FilterKey): number {
  return kindRanks[kind] * 10 + (ranks.get(attribute) ?? 1)
}

const kindRanks: Readonly<Record<FilterKey['kind'], number>> = { exact: 0, prefix: 1, suffix: 1, present: 2 }
const ranks: ReadonlyMap<string, number> = new Map([
  ['id', 0],
  ['subject', 1],
  ['type', 2],
  ['source', 3],
  ['time', 4],
  ['dataschema', 5],
  ['datacontenttype', 6],
  ['specversion', 7],
])
