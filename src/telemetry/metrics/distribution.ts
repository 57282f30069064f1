/** How often values lay below each of some bounds. As small and quick as can be: there may be one for each of ten thousand objects. */
export class Distribution {
  readonly bounds: readonly number[]
  /** By bucket, not added up; the last one has no bound. */
  readonly counts: number[]
  sum = 0
  count = 0

  /** @param bounds ascending. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    let at = 0
    for (const { bounds } = this; at < bounds.length && value > (bounds[at] ?? Infinity);) at++
    this.counts[at] = (this.counts[at] ?? 0) + 1
    this.sum += value
    this.count++
  }
}

/** Status codes that are told apart for one object; an HTTP server that makes up more of them has the rest put together. */
const mostCodes = 12
/** In place of a status code: there was no answer. */
export const noAnswer = 0
const otherStatus = -1

/**
 * Knative's bounds of `kn.eventing.dispatch.latency` (50, 100, 500, 1,000, 5,000 and 10,000 ms), and some below: most answers come sooner than
 * the first of them.
 */
export const latencyBounds = [5, 10, 25, 50, 100, 500, 1000, 5000, 10_000] as const

/** Of one status. */
interface Answered {
  events: number
  readonly latency: Distribution
}

/** How many events were answered with which HTTP status, and how long that took. */
export class Answers {
  /** Null before the first: there are ten thousand of us. */
  #byStatus: Map<number, Answered> | null = null

  /** @param status an HTTP status, or {@link noAnswer}. @param ms of the whole request. @param events that it carried. */
  answered(status: number, ms: number, events = 1): void {
    const of = this.#byStatus?.get(status) ?? this.#more(status)
    of.events += events
    of.latency.observe(ms)
  }

  /** By code: a status, `none`, or `other`. */
  *byCode(): Iterable<readonly [code: string, answered: Readonly<Answered>]> {
    for (const [status, answered] of this.#byStatus ?? []) {
      yield [status === noAnswer ? 'none' : status === otherStatus ? 'other' : String(status), answered]
    }
  }

  #more(status: number): Answered {
    const all = (this.#byStatus ??= new Map<number, Answered>())
    const key = all.size < mostCodes ? status : otherStatus
    let of = all.get(key)
    if (of === undefined) all.set(key, (of = { events: 0, latency: new Distribution(latencyBounds) }))
    return of
  }
}
