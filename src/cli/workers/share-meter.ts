import { fates, type LastUndelivered, type Undelivered } from '../../api/meta/progress.ts'
import type { OutletShare } from '../../contract/outlet.ts'
import { counts } from '../../contract/progress.ts'
import type { OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import { bounded } from './bounded.ts'
import { isoOf } from '../../core/iso.ts'
import { RateMeter } from './rate-meter.ts'

/** What this process did for an Outlet, as its dispatcher counts it. */
export type Counted = Pick<
  OutletSnapshot,
  'delivered' | 'deadLettered' | 'parked' | 'dropped' | 'lost' | 'replied' | 'lastDelivery' | 'lastError'
>

/** `message`: bounded, since it stands in the status of objects. Characters. */
export const longestMessage = 512

/** What never falls. */
const counted = [...fates, 'replied'] as const
type Counts = Record<(typeof counted)[number], number>
/** Of most Outlets: ten thousand of them share it. */
const none: Counts = { deadLettered: 0, parked: 0, dropped: 0, expired: 0, replied: 0 }

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
    const { undelivered, replied = 0 } = stored ?? {}
    if (undelivered !== undefined || replied > 0)
      this.#base = { ...none, ...counts((fate) => undelivered?.[fate] ?? 0), replied }
  }

  /** @param stored the share as it is known to be stored. @param undelivered the last event that nobody took, as far as it is known. */
  share(now: number, snapshot: Counted, stored: OutletShare | undefined, undelivered?: LastUndelivered): OutletShare {
    const { delivered, deadLettered, lastDelivery, lastError } = snapshot
    const rate = this.#rate.at(now, delivered - deadLettered)
    const delivery = latest(lastDelivery, stored?.lastDelivery)
    const failed =
      lastError === null
        ? stored?.lastError
        : { time: isoOf(lastError.at), message: bounded(lastError.message, longestMessage) }
    const all = this.#sum(snapshot)
    const said = undeliveredOf(all, undelivered ?? stored?.undelivered?.last)
    return {
      ...(rate === 0 ? {} : { rate }),
      ...(delivery === undefined ? {} : { lastDelivery: delivery }),
      ...(failed === undefined ? {} : { lastError: failed }),
      ...(said === undefined ? {} : { undelivered: said }),
      ...(all.replied === 0 ? {} : { replied: all.replied }),
    }
  }

  /** With what was counted before. */
  #sum({ deadLettered, parked, dropped, lost: expired, replied }: Counted): Counts {
    const now: Counts = { deadLettered, parked, dropped, expired, replied }
    const anew = counted.filter((each) => now[each] < this.#last[each])
    if (anew.length > 0) {
      const before = Object.fromEntries(anew.map((each) => [each, this.#base[each] + this.#last[each]]))
      this.#base = { ...this.#base, ...before }
    }
    this.#last = counted.every((each) => now[each] === 0) ? none : now
    return Object.fromEntries(counted.map((each) => [each, this.#base[each] + now[each]])) as Counts
  }
}

function undeliveredOf(all: Counts, last: LastUndelivered | undefined): Undelivered | undefined {
  const some = counts((fate) => all[fate])
  return Object.keys(some).length === 0 ? undefined : { ...some, ...(last === undefined ? {} : { last }) }
}

/** The later one of what this process delivered and what was said before it began. */
function latest(at: number | null, said: string | undefined): string | undefined {
  if (at === null) return said
  const now = isoOf(at)
  return said === undefined || now > said ? now : said
}
