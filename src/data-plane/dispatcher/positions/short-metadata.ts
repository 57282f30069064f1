import { Fault } from '../../../core/fault.ts'
import type { Position, Positions } from '../../../kafka/log.ts'
import { firstStartOf } from '../reading/progress.ts'

/**
 * Positions of a log that may take less metadata than we write (Kafka: `offset.metadata.max.bytes`). The position counts more: what is
 * refused is committed again at once, without what is finished beyond it, and without anything where that is still too long.
 *
 *     commit ─► refused: too large ─► limit = half of the longest, for good ─► commit
 */
export class ShortMetadata implements Positions {
  readonly #inner: Positions
  readonly #told: (limit: number) => void
  #limit = Infinity

  /** @param told once: that metadata is cut, and the length of what was refused. */
  constructor(inner: Positions, told: (length: number) => void) {
    this.#inner = inner
    this.#told = told
  }

  fetch(asked: Parameters<Positions['fetch']>[0]): ReturnType<Positions['fetch']> {
    return this.#inner.fetch(asked)
  }

  all(group: string): ReturnType<Positions['all']> {
    return this.#inner.all(group)
  }

  async commit(group: string, positions: readonly Position[], signal?: AbortSignal): Promise<void> {
    const short = positions.map((position) => this.#cut(position))
    try {
      await this.#inner.commit(group, short, signal)
    } catch (error) {
      const longest = Math.max(...short.map(({ metadata }) => metadata.length))
      if (!isTooLarge(error) || longest === 0 || signal?.aborted === true) throw error
      if (this.#limit === Infinity) this.#told(longest)
      this.#limit = Math.min(this.#limit, Math.floor(longest / 2))
      await this.commit(group, positions, signal)
    }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #cut(position: Position): Position {
    if (position.metadata.length <= this.#limit) return position
    const metadata = firstStartOf(position.metadata)
    return { ...position, metadata: metadata.length <= this.#limit ? metadata : '' }
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Fault && error.details['error'] === 'OFFSET_METADATA_TOO_LARGE'
}
