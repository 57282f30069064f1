import type { FoundRecord, Settled, StandingAnswer } from '../../../contract/lineage.ts'
import { standing, type Spot } from './ask.ts'
import { deliveriesOf, type Delivery, type Evidence } from './fate.ts'
import type { Inquiry } from './inquiry.ts'
import type { Traced } from './report.ts'

/** An event that was stored, before anybody was asked what became of it. */
export interface Entry {
  readonly spot: Spot
  readonly record: FoundRecord | null
  readonly problem?: string
  readonly accepted?: NonNullable<Traced['accepted']>
}

/** With --follow no more events are traced than these: a loop has no end. */
const mostFollowed = 100

/** Asks what became of events, and of the replies to them. */
export class Tracer {
  readonly #inquiry: Inquiry
  readonly #follow: boolean
  readonly #seen = new Set<string>()

  /** @param follow replies are traced too */
  constructor(inquiry: Inquiry, follow: boolean) {
    this.#inquiry = inquiry
    this.#follow = follow
  }

  /**
   *     all dispatchers ── /lineage/standing ─► merged ─┬─ forgotten? ─► is a copy in the parking topic? ─► merged again
   *                                                     └─ replied, --follow ─► each reply in the same way
   */
  async trace({ spot, record, problem, accepted }: Entry): Promise<Traced> {
    this.#seen.add(keyOf(spot))
    const { dispatchers } = this.#inquiry
    const answers = await this.#inquiry.each('Asking', dispatchers, (witness) => standing(witness, spot))
    // A worker says its name itself; people know it by that of its pod.
    const standings = answers.map(({ witness, answer }): StandingAnswer => ({ ...answer, worker: witness.name }))
    const at = accepted?.at ?? record?.timestamp ?? null
    const outlets = this.#inquiry.way.outlets.filter(({ topic }) => topic === spot.place.topic)
    const first = deliveriesOf({ record, at, standings, outlets, parked: [] })
    const parked = await this.#parked(first, spot, record)
    const deliveries = parked.length === 0 ? first : deliveriesOf({ record, at, standings, outlets, parked })
    return {
      ...spot,
      ...(accepted === undefined ? {} : { accepted }),
      record,
      ...(problem === undefined ? {} : { problem }),
      deliveries: this.#follow ? await this.#followed(deliveries, spot) : deliveries,
    }
  }

  /** Copies that may be of this event: where nobody remembers what became of it. */
  async #parked(deliveries: readonly Delivery[], spot: Spot, record: FoundRecord | null): Promise<Evidence['parked']> {
    const id = record?.attributes?.['id']
    if (id === undefined || record === null) return []
    const open = deliveries.filter(({ fate }) => fate.kind === 'forgotten' && fate.passes !== false)
    const topics = new Set(open.flatMap(({ parkingTopic }) => parkingTopic ?? []))
    const where = spot.cluster === undefined ? {} : { cluster: spot.cluster }
    const found: FoundRecord[] = []
    for (const topic of topics) {
      const { records } = await this.#inquiry.look({ topic, id, since: record.timestamp, ...where })
      found.push(...records)
    }
    return found
  }

  async #followed(deliveries: readonly Delivery[], spot: Spot): Promise<Traced['deliveries']> {
    const all: Traced['deliveries'][number][] = []
    for (const delivery of deliveries) {
      const replies: Traced[] = []
      for (const { place } of repliesOf(delivery)) {
        const next = { ...spot, place }
        if (this.#seen.has(keyOf(next)) || this.#seen.size >= mostFollowed) continue
        const { records, problem } = await this.#inquiry.look(next)
        const about = problem === undefined ? {} : { problem }
        replies.push(await this.trace({ spot: next, record: records[0] ?? null, ...about }))
      }
      all.push(repliesOf(delivery).length === 0 ? delivery : { ...delivery, replies })
    }
    return all
  }
}

/** What a subscriber answered with. */
export function repliesOf({ fate }: Pick<Delivery, 'fate'>): NonNullable<Settled['replies']> {
  return 'settled' in fate ? (fate.settled.replies ?? []) : []
}

function keyOf({ place: { topic, partition, offset }, cluster = '' }: Spot): string {
  return `${cluster} ${topic}/${partition}/${offset}`
}
