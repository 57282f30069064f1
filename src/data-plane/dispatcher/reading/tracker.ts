import { gapBytes, LONGEST_GAP_BYTES, PENDING_BYTES } from './progress.ts'

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
  /** What their offsets take where progress is written down. */
  #bytes = 0

  /** One more, and they might not fit. */
  get full(): boolean {
    return this.#bytes > PENDING_BYTES - LONGEST_GAP_BYTES
  }

  /** @param node has a greater offset than all in here. */
  add(node: T): void {
    node.before = this.last
    node.after = null
    this.#bytes += gap(node.before, node)
    if (this.last === null) this.first = node
    else this.last.after = node
    this.last = node
    this.size++
  }

  /** @param node is in here. */
  remove(node: T): void {
    this.#bytes += gap(node.before, node.after) - gap(node.before, node) - gap(node, node.after)
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

/** What it takes to say where `b` is; the first is where the position is. */
function gap(a: Linked<unknown> | null, b: Linked<unknown> | null): number {
  return b === null ? 0 : gapBytes(a === null ? 0 : b.offset - a.offset)
}
