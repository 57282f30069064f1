import type { FetchTarget } from './fetch-wire.ts'

/** The part of a fetch request that depends on the session. */
export interface SessionRequest<T extends FetchTarget> {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly targets: readonly T[]
  readonly forgotten: readonly { readonly topicId: string; readonly partition: number }[]
}

/**
 * Our half of an incremental fetch session (KIP-227): the broker remembers the partitions and their offsets, so a request lists only what
 * changed and an answer only what has news. A poll over thousands of idle partitions is a few bytes.
 *
 *     new session: id 0, epoch 0, all partitions ──► the broker names an id (0: it has no room, so the next one is full again)
 *     then:        id,   epoch 1, 2 …, the changed ones + the forgotten ones
 *     lost (unknown id or epoch, new connection): reset, and all over
 */
export class FetchSession<T extends FetchTarget> {
  /** What shall be fetched. */
  readonly #wanted = new Map<string, T>()
  /** What the broker fetches, as of the last request. */
  #sent = new Map<string, T>()
  readonly #changed = new Map<string, T>()
  /** Snapshots: a target may stand for another topic id by the time the broker is told. */
  readonly #gone = new Map<string, { readonly topicId: string; readonly partition: number }>()
  #id = 0
  #epoch = 0

  /** Number of partitions that shall be fetched. */
  get size(): number {
    return this.#wanted.size
  }

  get targets(): readonly T[] {
    return [...this.#wanted.values()]
  }

  /** True when the next request opens a new session. */
  get isNew(): boolean {
    return this.#epoch === 0
  }

  /** Takes a partition in, or tells the broker its new offset. The target's topic id must not change while it is in. */
  put(target: T): void {
    const key = keyOf(target.topicId, target.partition)
    this.#wanted.set(key, target)
    this.#changed.set(key, target)
    this.#gone.delete(key)
  }

  /** Only when it is this very target that is in: another one may have taken its place. */
  remove(target: T): void {
    const key = keyOf(target.topicId, target.partition)
    if (this.#wanted.get(key) !== target) return
    this.#wanted.delete(key)
    this.#changed.delete(key)
    if (this.#sent.has(key)) this.#gone.set(key, { topicId: target.topicId, partition: target.partition })
  }

  clear(): void {
    this.#wanted.clear()
    this.reset()
  }

  /** The session is lost: the next request opens a new one. */
  reset(): void {
    this.#id = 0
    this.#epoch = 0
    this.#sent = new Map()
    this.#changed.clear()
    this.#gone.clear()
  }

  next(): SessionRequest<T> {
    if (this.#epoch === 0) {
      this.#sent = new Map(this.#wanted)
      this.#changed.clear()
      this.#gone.clear()
      return { sessionId: 0, sessionEpoch: 0, targets: [...this.#sent.values()], forgotten: [] }
    }
    const targets = [...this.#changed.values()]
    const forgotten = [...this.#gone.values()]
    for (const key of this.#gone.keys()) this.#sent.delete(key)
    for (const [key, target] of this.#changed) this.#sent.set(key, target)
    this.#changed.clear()
    this.#gone.clear()
    return { sessionId: this.#id, sessionEpoch: this.#epoch, targets, forgotten }
  }

  /** The broker took the last request. @param sessionId as answered. */
  accepted(sessionId: number): void {
    this.#id = sessionId
    // The epoch wraps to 1, since 0 means a new session.
    this.#epoch = sessionId === 0 ? 0 : this.#epoch === 0x7fffffff ? 1 : this.#epoch + 1
  }

  /** Whose answer this is: what stood under this name when the last request went out. */
  sent(topicId: string, partition: number): T | undefined {
    return this.#sent.get(keyOf(topicId, partition))
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}
