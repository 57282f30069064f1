import type { Clock } from '../../core/clock.ts'
import { isAfter } from '../../kube/resource-version.ts'

/** So often a workload is repaired within {@link windowMs}. */
const mostRepairs = 3
/** So often its template is written within {@link windowMs}, whatever is meant: what is meant may change each time, too. */
const mostWrites = 10
const windowMs = 600_000

interface Story {
  /** What was meant. */
  readonly mark: string
  readonly repairs: readonly number[]
  /** When its template was written, whatever was meant. Monotonic milliseconds. */
  readonly writes: readonly number[]
  /** The version of the workload at which we gave up. */
  readonly gaveUpAt?: string
}

/**
 * Keeps two from undoing each other's work for ever: each turn would replace all pods. A repair is to write what had been in force before. After
 * three in ten minutes it is left alone, until something else is meant, or someone else has put it right. And whatever is meant, it is written ten
 * times in ten minutes at most.
 */
export class Contest {
  readonly #clock: Clock
  readonly #stories = new Map<string, Story>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The workload of this UID says in this version what is meant. */
  asMeant(uid: string, mark: string, version: string): void {
    const story = this.#stories.get(uid)
    const mended = story?.gaveUpAt !== undefined && isAfter(version, story.gaveUpAt)
    if (story?.mark !== mark || mended) this.#stories.set(uid, { mark, repairs: [], writes: story?.writes ?? [] })
  }

  /** Whether its template may be written now. `version`: that in which it does not say what is meant. */
  mayWrite(uid: string, mark: string, version: string): boolean {
    const story = this.#stories.get(uid)
    if (story === undefined) return true
    const now = this.#clock.monotonic()
    const recent = (times: readonly number[]): readonly number[] => times.filter((at) => now - at < windowMs)
    const writes = recent(story.writes)
    if (writes.length >= mostWrites) return false
    if (story.mark !== mark) return true
    if (story.gaveUpAt !== undefined) return false
    const repairs = recent(story.repairs)
    const may = repairs.length < mostRepairs
    this.#stories.set(uid, { mark, repairs, writes, ...(may ? {} : { gaveUpAt: version }) })
    return may
  }

  /** It was written. */
  wrote(uid: string, mark: string): void {
    const story = this.#stories.get(uid)
    const now = this.#clock.monotonic()
    const repairs = story?.mark === mark ? [...story.repairs, now] : []
    this.#stories.set(uid, { mark, repairs, writes: [...(story?.writes ?? []), now].slice(-mostWrites) })
  }

  forget(uid: string): void {
    this.#stories.delete(uid)
  }
}
