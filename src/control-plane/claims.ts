import { objectName } from '../api/problem.ts'
import type { ObjectKey } from '../api/problem.ts'

/**
 * Who has which name in Kafka. Namespace and name are joined by a dash there, so `a-b`/`c` and `a`/`b-c` come to the same topic and group:
 * the first has it, the second is told. Who had it before has it still, wherever the newcomer stands in the files.
 */
export class Claims {
  readonly #owners = new Map<string, { key: ObjectKey; shared: boolean }>()
  readonly #settled: ReadonlySet<string>

  /** @param settled those who were served until now. */
  constructor(settled: readonly { readonly key: ObjectKey }[]) {
    this.#settled = new Set(settled.map(({ key }) => objectName(key)))
  }

  /** Maps each item, those settled first; the answer is in the order of `items`. */
  inOrder<T extends { readonly key: ObjectKey }, R>(items: readonly T[], map: (item: T) => R): R[] {
    const results = new Map<T, R>()
    const settled = (item: T): boolean => this.#settled.has(objectName(item.key))
    for (const item of items) if (settled(item)) results.set(item, map(item))
    for (const item of items) if (!settled(item)) results.set(item, map(item))
    return items.map((item) => results.get(item) as R)
  }

  /** Takes `name` for `key`. @returns null, or who has it already. Names that both sides share on purpose are no conflict. */
  claim(name: string, key: ObjectKey, shared: boolean): ObjectKey | null {
    const owner = this.#owners.get(name)
    if (owner === undefined) this.#owners.set(name, { key, shared })
    else if (objectName(owner.key) !== objectName(key) && !(owner.shared && shared)) return owner.key
    return null
  }
}
