import type { AllStarted } from '../../../contract/route-source.ts'
import type { OutletRun } from '../delivering/outlet-run.ts'
import type { BatchedPositions } from './batched-positions.ts'

export interface CoverageHost {
  readonly positions: BatchedPositions
  readonly retryMs: number
  readonly signal: AbortSignal
  /** Partitions that the topic has; undefined while that is not known. */
  partitionsOf(topic: string): number | undefined
  idOf(topic: string): string | undefined
  ownsLowest(topic: string): boolean
}

/** Longest wait between two looks at partitions of others. */
const LONGEST_MS = 5_000

/**
 * Finds out, for Outlets whose lowest partition is ours, when every partition of the topic has a committed starting position, also those
 * of other processes: those tell nobody but the log.
 *
 *     ours are committed ─► the group has all? ── yes ─► allStarted
 *                             └─ no ─► look again, for all who wait with one request
 */
export class Coverage {
  readonly #host: CoverageHost
  readonly #waiting = new Set<OutletRun>()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #wait: number

  constructor(host: CoverageHost) {
    this.#host = host
    this.#wait = host.retryMs
    host.signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true })
  }

  /** @param known partitions that have a position for certain. */
  check(run: OutletRun, known: readonly { readonly partition: number }[] = []): void {
    const wanted = this.#wanted(run)
    if (wanted === null || same(run.allStarted, wanted)) return
    if (covers(known, wanted)) {
      run.allStarted = wanted
      return
    }
    this.#waiting.add(run)
    this.#wait = this.#host.retryMs
    this.#schedule(0)
  }

  /** What there is to know about the Outlet; null: nothing, or it is not for us to say. */
  #wanted(run: OutletRun): AllStarted | null {
    const { topic } = run.outlet
    const [topicId, partitions] = [this.#host.idOf(topic), this.#host.partitionsOf(topic)]
    if (run.released || run.inUse || !this.#host.ownsLowest(topic)) return null
    return topicId === undefined || partitions === undefined ? null : { topicId, partitions }
  }

  #schedule(ms: number): void {
    if (this.#looking || this.#host.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#lookAtAll(), ms)
  }

  async #lookAtAll(): Promise<void> {
    this.#looking = true
    // in one turn, so that it is one request
    await Promise.all([...this.#waiting].map((run) => this.#look(run)))
    this.#looking = false
    if (this.#waiting.size === 0) return
    this.#schedule(this.#wait)
    this.#wait = Math.min(this.#wait * 2, LONGEST_MS)
  }

  async #look(run: OutletRun): Promise<void> {
    const wanted = this.#wanted(run)
    if (wanted === null) return void this.#waiting.delete(run)
    const { group, topic } = run.outlet
    const all = Array.from({ length: wanted.partitions }, (_, partition) => ({ topic, partition }))
    // who cannot be asked now is asked again
    const known = await this.#host.positions.fetch(group, all).catch(() => [])
    const still = this.#wanted(run)
    if (still === null || !same(still, wanted) || !covers(known, wanted)) return
    this.#waiting.delete(run)
    run.allStarted = wanted
    run.report()
  }
}

function covers(known: readonly { readonly partition: number }[], { partitions }: AllStarted): boolean {
  return new Set(known.map(({ partition }) => partition)).size >= partitions
}

function same(a: AllStarted | null, b: AllStarted): boolean {
  return a?.topicId === b.topicId && a.partitions === b.partitions
}
