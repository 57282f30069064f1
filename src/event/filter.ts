/** A condition that an index can look up: the attribute has this value, or is there and not empty. */
export type FilterKey =
  { readonly attribute: string; readonly value: string } | { readonly attribute: string; readonly present: true }

/** A filter prepared for the hot path: made when a route changes, only called per event. */
export interface CompiledFilter {
  matches(attributes: ReadonlyMap<string, string>): boolean
  /** The key that is probably rarest (the first of `keys`); null: everything passes, or nothing can be looked up. */
  readonly key: FilterKey | null
  /** Every condition that must hold for a match and can be looked up, probably rarest first. An index files the filter under one of them. */
  readonly keys: readonly FilterKey[]
  /** True when `keys` are the whole filter: then an index that found the only key needs to check nothing more. */
  readonly keysAreAll: boolean
}

/**
 * Compiles Knative's `filter.attributes`: every listed attribute must equal its value, byte for byte and case-sensitive; the value '' asks
 * that the attribute is there and not empty (as Knative core has it; its Kafka Broker ignores such an entry). No entry: everything passes.
 */
export function compileFilter(attributes: Readonly<Record<string, string>>): CompiledFilter {
  return new AttributesFilter(Object.entries(attributes))
}

/**
 *     attributes ──► exact: get(name) === value, all ──► present: get(name) is there and not '', all ──► true
 *                        │ one differs                       │ one is missing or empty
 *                        ▼                                   ▼
 *                      false                               false
 *
 * Parallel arrays and one shape for all filters, so that the call stays monomorphic and allocates nothing.
 */
class AttributesFilter implements CompiledFilter {
  readonly keys: readonly FilterKey[]
  readonly key: FilterKey | null
  readonly keysAreAll = true
  readonly #exactNames: string[] = []
  readonly #exactValues: string[] = []
  readonly #presentNames: string[] = []

  constructor(entries: readonly (readonly [name: string, value: string])[]) {
    const ranked = entries.toSorted((a, b) => rank(a) - rank(b) || (a[0] < b[0] ? -1 : 1))
    for (const [name, value] of ranked) {
      if (value === '') this.#presentNames.push(name)
      else {
        this.#exactNames.push(name)
        this.#exactValues.push(value)
      }
    }
    this.keys = ranked.map(([attribute, value]) =>
      value === '' ? { attribute, present: true as const } : { attribute, value },
    )
    this.key = this.keys[0] ?? null
  }

  matches(attributes: ReadonlyMap<string, string>): boolean {
    const names = this.#exactNames
    for (let i = 0; i < names.length; i++) {
      if (attributes.get(names[i] as string) !== this.#exactValues[i]) return false
    }
    const present = this.#presentNames
    for (let i = 0; i < present.length; i++) {
      const value = attributes.get(present[i] as string)
      if (value === undefined || value === '') return false
    }
    return true
  }
}

/**
 * Lower is rarer. A value is rarer than mere presence. Among values: `id` names one event; extensions and `subject` are what people route
 * by when type and source are too coarse; `type` splits finer than `source`; the rest is nearly the same on every event.
 */
function rank([name, value]: readonly [string, string]): number {
  const order = ranks.get(name) ?? 1
  return value === '' ? 10 + order : order
}

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
