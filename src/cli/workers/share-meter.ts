import { fates, type Fate, type LastUndelivered, type Undelivered } from '../../api/meta/progress.ts'
import type { OutletShare } from '../../contract/outlet.ts'
import { counts } from '../../contract/progress.ts'
import type { OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import { isoOf } from './iso.ts'
import { RateMeter } from './rate-meter.ts'

/** What this process did for an Outlet, as its dispatcher counts it. */
export type Counted = Pick<
  OutletSnapshot,
  'delivered' | 'deadLettered' | 'parked' | 'dropped' | 'lost' | 'lastDelivery' | 'lastError'
>

/** `message`: bounded, since it stands in the status of objects. Characters. */
export const longestMessage = 512

type Counts = Record<Fate, number>
/** Of most Outlets: ten thousand of them share it. */
const none: Counts = { deadLettered: 0, parked: 0, dropped: 0, expired: 0 }

/**
 * What this process did for one Outlet, as its share of the status. Goes on where the process of the same name before it stopped: counts and times of the stored share
 * are where ours begin, and no count falls when the dispatcher in this process is made anew.
 */
export class ShareMeter {
  readonly #rate: RateMeter
  /** To be added to what the snapshot counts. */
  #base = none
  #last = none

  /** @param stored what the process before said; undefined: nothing. @param began when this process did, monotonic milliseconds. */
  constructor(stored: OutletShare | undefined, began: number) {
    this.#rate = new RateMeter(began, 0)
    if (stored?.undelivered !== undefined) this.#base = { ...none, ...knownCounts(stored.undelivered) }
  }

  /** @param stored the share as it is known to be stored. @param undelivered the last event that nobody took, as far as it is known. */
  share(now: number, snapshot: Counted, stored: OutletShare | undefined, undelivered?: LastUndelivered): OutletShare {
    const { delivered, deadLettered, lastDelivery, lastError } = snapshot
    const rate = this.#rate.at(now, delivered - deadLettered)
    const delivery = latest(lastDelivery, stored?.lastDelivery)
    const failed =
      lastError === null
        ? stored?.lastError
        : { time: isoOf(lastError.at), message: lastError.message.slice(0, longestMessage) }
    const said = this.#undelivered(snapshot, undelivered ?? stored?.undelivered?.last)
    return {
      ...(rate === 0 ? {} : { rate }),
      ...(delivery === undefined ? {} : { lastDelivery: delivery }),
      ...(failed === undefined ? {} : { lastError: failed }),
      ...(said === undefined ? {} : { undelivered: said }),
    }
  }

  #undelivered(
    { deadLettered, parked, dropped, lost: expired }: Counted,
    last: LastUndelivered | undefined,
  ): Undelivered | undefined {
    const now: Counts = { deadLettered, parked, dropped, expired }
    const anew = fates.filter((fate) => now[fate] < this.#last[fate])
    if (anew.length > 0) {
      const counted = Object.fromEntries(anew.map((fate) => [fate, this.#base[fate] + this.#last[fate]]))
      this.#base = { ...this.#base, ...counted }
    }
    this.#last = fates.every((fate) => now[fate] === 0) ? none : now
    const all = counts((fate) => this.#base[fate] + now[fate])
    return Object.keys(all).length === 0 ? undefined : { ...all, ...(last === undefined ? {} : { last }) }
  }
}

function knownCounts(stored: Undelivered): Partial<Counts> {
  return counts((fate) => stored[fate] ?? 0)
}

/** The later one of what this process delivered and what was said before it began. */
function latest(at: number | null, said: string | undefined): string | undefined {
  if (at === null) return said
  const now = isoOf(at)
  return said === undefined || now > said ? now : said
}
