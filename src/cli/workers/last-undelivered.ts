import type { LastUndelivered } from '../../api/meta/progress.ts'
import type { DeliveryLineage, LogPlace, Settled } from '../../contract/lineage.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { bounded } from './bounded.ts'
import { isoOf } from '../../core/iso.ts'

/** Stands in the status of objects, so each of its texts is bounded. Characters. */
const longest = 256

/** Remembers of each Outlet the last event that its subscriber did not take; hands everything on. */
export class LastUndeliveredEvents implements DeliveryLineage {
  readonly #next: DeliveryLineage | undefined
  readonly #now: () => number
  readonly #last = new Map<string, { readonly at: number; readonly id: string | null } & Omit<Settled, 'at'>>()

  /** @param now milliseconds since 1970. */
  constructor(now: () => number, next?: DeliveryLineage) {
    this.#next = next
    this.#now = now
  }

  /** Of the Outlet of this UID; undefined: there was none. */
  of(uid: string): LastUndelivered | undefined {
    const last = this.#last.get(uid)
    if (last === undefined) return undefined
    const { at, id, outcome, failure, takenBy } = last
    return {
      time: isoOf(at),
      fate: outcome,
      ...allBounded({ id: id ?? undefined, destination: failure?.destination, reason: failure?.reason, takenBy }),
    }
  }

  /** The Outlet has gone. */
  forget(uid: string): void {
    this.#last.delete(uid)
  }

  delivered(outlet: Outlet, place: LogPlace, id: string | null, status: number, tookMs: number): void {
    this.#next?.delivered(outlet, place, id, status, tookMs)
  }

  settled(outlet: Outlet, place: LogPlace, id: string | null, settled: Omit<Settled, 'at'>): void {
    if (settled.outcome !== 'delivered') this.#last.set(outlet.uid, { ...settled, at: this.#now(), id })
    this.#next?.settled(outlet, place, id, settled)
  }
}

function allBounded(texts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => (text === undefined ? [] : [[name, bounded(text, longest)]])),
  )
}
