/** What a {@link Tracker} holds: it is its own list node, so that an event in flight costs no further object. */
export interface Linked<T> {
  readonly offset: number
  before: T | null
  after: T | null
}

/**
 * What is in flight on one partition, in order of offset. The first is the position: everything before it is finished.
 *
 *     first ⇄ … ⇄ last        add at the end, remove anywhere, both in constant time
 */
export class Tracker<T extends Linked<T>> implements Iterable<T> {
  first: T | null = null
  last: T | null = null
  size = 0

  /** @param node has a greater offset than all in here. */
  add(node: T): void {
    node.before = this.last
    node.after = null
    if (this.last === null) this.first = node
    else this.last.after = node
    this.last = node
    this.size++
  }

  /** @param node is in here. */
  remove(node: T): void {
    if (node.before === null) this.first = node.after
    else node.before.after = node.after
    if (node.after === null) this.last = node.before
    else node.after.before = node.before
    node.before = null
    node.after = null
    this.size--
  }

  /** The current node may be removed on the way. */
  *[Symbol.iterator](): Iterator<T> {
    let node = this.first
    while (node !== null) {
      const after: T | null = node.after
      yield node
      node = after
    }
  }
}
