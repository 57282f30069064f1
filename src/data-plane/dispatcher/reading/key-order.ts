/** What a {@link KeyOrder} puts in order: it is its own list node. */
export interface Keyed<T> {
  /** Null: it waits for nobody, and nobody for it. */
  key: string | null
  earlier: T | null
  later: T | null
  /** It has not begun: one before it is not through. */
  held: boolean
}

/**
 * Events of one key go one after the other, those of other keys beside them.
 *
 *     key ─► last          begun ⇄ held ⇄ … ⇄ last          join at the end, leave anywhere, both in constant time
 *
 * The first of a chain has begun. More than one has only where they began before the order was asked for: then the next waits for all of them.
 */
export class KeyOrder<T extends Keyed<T>> {
  /** How many are held. */
  held = 0
  readonly #last = new Map<string, T>()

  /** @param node comes after all in here. @param begun nothing can hold it any more. @returns whether it may begin. */
  join(node: T, key: string, begun = false): boolean {
    const earlier = this.#last.get(key)
    this.#last.set(key, node)
    node.key = key
    if (earlier === undefined) return true
    node.earlier = earlier
    earlier.later = node
    if (begun) return true
    node.held = true
    this.held++
    return false
  }

  /** @param node is through, or given up; it may be one that never joined. @returns who may begin now. */
  leave(node: T): T | null {
    const { key, earlier, later } = node
    if (key === null) return null
    if (later !== null) later.earlier = earlier
    else if (earlier !== null) this.#last.set(key, earlier)
    else this.#last.delete(key)
    if (earlier !== null) earlier.later = later
    node.key = node.earlier = node.later = null
    this.#begin(node)
    return earlier === null && later !== null && this.#begin(later) ? later : null
  }

  /** @returns whether it was held. */
  #begin(node: T): boolean {
    if (!node.held) return false
    node.held = false
    this.held--
    return true
  }
}
