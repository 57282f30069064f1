import type { ProgressStatus } from '../api/meta/progress.ts'
import type { OutletStatus } from '../contract/outlet.ts'
import { progressOf } from '../contract/progress.ts'
import type { Clock } from '../core/clock.ts'
import type { StoredObject } from '../kube/client.ts'
import type { LiveWorker } from './fleet.ts'
import { statusOf } from './status-of.ts'

/** So long the rate of a dispatcher that is away still counts where it is told, milliseconds: pods that are replaced are back by then. */
const believedMs = 300_000

/**
 * How far objects are, for their status. A dispatcher that has gone delivers no more, whatever it said of its rate last; yet that alone is no news: when pods are
 * replaced, the status of ten thousand objects is not to be written for it. It is told with the next rate that an Outlet says, or some minutes later.
 */
export class Progresses {
  readonly #clock: Clock
  /** Since when dispatchers are away that said something. By name; monotonic milliseconds. */
  readonly #awaySince = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param object with its status as it stands. */
  of(
    object: StoredObject,
    outlets: readonly (OutletStatus | undefined)[],
    dispatchers: readonly LiveWorker[],
  ): ProgressStatus {
    const live = new Set(dispatchers.map(({ name }) => name))
    for (const name of live) this.#awaySince.delete(name)
    const now = this.#clock.monotonic()
    const believed = new Set(live)
    for (const outlet of outlets)
      for (const name of Object.keys(outlet?.shares ?? {})) if (this.#isBelieved(name, live, now)) believed.add(name)
    if (believed.size > live.size) {
      const before = progressOf(outlets, believed)
      if (before.rate === statusOf(object)['rate']) return before
    }
    return progressOf(outlets, live)
  }

  #isBelieved(name: string, live: ReadonlySet<string>, now: number): boolean {
    if (live.has(name)) return true
    const since = this.#awaySince.get(name) ?? now
    this.#awaySince.set(name, since)
    return now - since < believedMs
  }
}
