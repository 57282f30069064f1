import type { ProgressStatus } from '../api/meta/progress.ts'
import type { OutletStatus } from '../contract/outlet.ts'
import { progressOf } from '../contract/progress.ts'
import type { Clock } from '../core/clock.ts'
import type { LiveWorker } from './fleet.ts'

/** So long a rate that somebody told is believed although the fleet has changed, milliseconds. */
const believedMs = 300_000

interface Known {
  readonly told: string
  readonly rate: number
  readonly at: number
}

/**
 * How far objects are, for their status. A dispatcher that has gone delivers no more, whatever it said of its rate last; yet that alone is no news: when pods are
 * replaced, the status of ten thousand objects is not to be written for it. It is told with the next thing that an Outlet says, or some minutes later.
 */
export class Progresses {
  readonly #clock: Clock
  /** Of objects whose rate is not 0. By UID. */
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(uid: string, outlets: readonly (OutletStatus | undefined)[], dispatchers: readonly LiveWorker[]): ProgressStatus {
    const all = progressOf(outlets)
    if (all.rate === undefined || all.rate === 0) {
      this.#known.delete(uid)
      return all
    }
    const told = JSON.stringify(all)
    const now = this.#clock.monotonic()
    const known = this.#known.get(uid)
    if (known?.told === told && now - known.at < believedMs) return { ...all, rate: known.rate }
    const { rate = 0 } = progressOf(outlets, new Set(dispatchers.map(({ name }) => name)))
    this.#known.set(uid, { told, rate, at: now })
    return { ...all, rate }
  }

  forget(uid: string): void {
    this.#known.delete(uid)
  }
}
