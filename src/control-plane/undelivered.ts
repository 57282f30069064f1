import { fates, type Fate, type LastUndelivered, type ProgressStatus } from '../api/meta/progress.ts'
import type { Clock } from '../core/clock.ts'
import type { StoredObject } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import { statusOf } from './status-of.ts'
import { isoOf } from '../core/iso.ts'

/** Of one object and reason an Event is told at most so often, milliseconds. */
const everyMs = 300_000
/** What the recorder does not take is offered again after this long, and up to twice as long, milliseconds. */
const againMs = 15_000
/** An id is shown up to here, characters: it is whatever a sender wrote. */
const longestId = 128

/** Reasons of the Events. */
const undeliveredReasons: Readonly<Record<Fate, string>> = {
  deadLettered: 'DeadLettered',
  parked: 'Parked',
  dropped: 'Dropped',
  expired: 'Expired',
}

interface Told {
  /** Up to this count. */
  readonly count: number
  /** When; monotonic milliseconds; -Infinity: by a leader before us, or never. */
  readonly at: number
  /** RFC 3339. */
  readonly time: string | undefined
}

export interface UndeliveredParts {
  readonly events: Pick<EventRecorder, 'offer'>
  readonly clock: Clock
}

/**
 * Tells with Kubernetes Events that a subscriber did not take events: the first at once, then at most one in five minutes for each object and reason, with the number since.
 *
 *     count in the Outlets ── above what was told? ── five minutes over? ─► Event
 *            what was told: in memory; of a leader before us, what the status of the object says
 *
 * A status that is written says that it was told: who leads next repeats nothing, and leaves out what waited for its five minutes.
 */
export class UndeliveredEvents {
  readonly #parts: UndeliveredParts
  /** By UID. */
  readonly #told = new Map<string, Map<Fate, Told>>()

  constructor(parts: UndeliveredParts) {
    this.#parts = parts
  }

  /** @param progress what the status is to say. @returns when there is more to tell, milliseconds; null: there is not. */
  tell(object: StoredObject, progress: ProgressStatus): number | null {
    const { uid } = object.metadata
    // nothing is known of it at the moment: that is not as if there had been nothing
    if (progress.rate === undefined) return null
    const known = this.#told.get(uid)
    if (known === undefined && progress.undelivered === undefined) return null
    const told = known ?? toldBefore(object)
    this.#told.set(uid, told)
    const waits = fates.flatMap((fate) => this.#tellOf(object, fate, progress, told) ?? [])
    return waits.length === 0 ? null : Math.min(...waits)
  }

  forget(uid: string): void {
    this.#told.delete(uid)
  }

  #tellOf(object: StoredObject, fate: Fate, { undelivered }: ProgressStatus, all: Map<Fate, Told>): number | null {
    const { clock, events } = this.#parts
    const count = undelivered?.[fate] ?? 0
    const told = all.get(fate) ?? never
    // what is counted began anew
    if (count < told.count) all.set(fate, { ...told, count })
    if (count <= told.count) return null
    const waitMs = told.at + everyMs - clock.monotonic()
    if (waitMs > 0) return waitMs
    const last = undelivered?.last?.fate === fate ? undelivered.last : undefined
    const message = messageOf(object, fate, { count: count - told.count, since: told.time, last })
    if (!events.offer(object, 'Warning', undeliveredReasons[fate], message)) return againMs * (1 + Math.random())
    const time = isoOf(clock.now())
    all.set(fate, { count, at: clock.monotonic(), time })
    return null
  }
}

const never: Told = { count: 0, at: -Infinity, time: undefined }

/** What the leader before us told. */
function toldBefore(object: StoredObject): Map<Fate, Told> {
  const { undelivered } = statusOf(object) as ProgressStatus
  return new Map(
    fates.flatMap((fate): [Fate, Told][] => {
      const count = undelivered?.[fate]
      return typeof count === 'number' ? [[fate, { ...never, count }]] : []
    }),
  )
}

interface News {
  readonly count: number
  readonly since: string | undefined
  readonly last: LastUndelivered | undefined
}

/** How many, what became of them, the last one, what to do. */
function messageOf(object: StoredObject, fate: Fate, { count, since, last }: News): string {
  const what = fate === 'expired' ? 'record' : 'event'
  const many = count === 1 ? `1 ${what}` : `${count} ${what}s`
  const when = since === undefined ? '' : ` since ${since}`
  return [`${many}${when} ${words[fate].became(last?.takenBy)}.`, ...lastWords(object, last), words[fate].toDo].join(
    ' ',
  )
}

const words: Readonly<
  Record<Fate, { readonly became: (takenBy: string | undefined) => string; readonly toDo: string }>
> = {
  deadLettered: {
    became: (takenBy) =>
      `could not be delivered and went to the dead letter sink${takenBy === undefined ? '' : ` ${line(takenBy)}`}`,
    toDo: 'Mend the subscriber, then see what the sink has; docs/delivery.md, Dead letters.',
  },
  parked: {
    became: (takenBy) =>
      `could not be delivered and ${takenBy === undefined ? 'are parked' : `stand in ${line(takenBy)}`}`,
    toDo: 'Mend the subscriber, then send them again: docs/delivery.md, Parked events.',
  },
  dropped: {
    became: () => 'could not be delivered and were dropped, as onExhausted Drop asks for',
    toDo: 'Mend the subscriber; to keep such events name a dead letter sink, or let them be parked.',
  },
  expired: {
    became: () => 'were removed by the retention of the topic before they were delivered',
    toDo: 'Lengthen the retention of the topic, or make the subscriber faster.',
  },
}

function lastWords({ metadata: { namespace = '' } }: StoredObject, last: LastUndelivered | undefined): string[] {
  if (last === undefined) return []
  const { id, time, destination, reason } = last
  const named = id === undefined ? 'one without an id' : `id ${line(id.slice(0, longestId))}`
  const why = [destination, reason].flatMap((text) => (text === undefined ? [] : [line(text)])).join(': ')
  const told = `Last: ${named}, at ${time}${why === '' ? '' : `, ${why}`}.`
  return id !== undefined && isPlain(id) ? [told, `Its fate: millrace trace ${id} -n ${namespace}.`] : [told]
}

/** It is put into a command that people paste. */
function isPlain(id: string): boolean {
  return id.length <= longestId && /^[A-Za-z0-9][\w.:/@+=-]*$/.test(id)
}

/** Of what others wrote: in one line, and nothing that steers a terminal. */
function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}
