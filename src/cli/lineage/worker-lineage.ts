import type { z } from 'zod'
import type { Inlet } from '../../contract/inlet.ts'
import {
  Refused,
  Settled,
  type Accepted,
  type DeliveryLineage,
  type IngressLineage,
  type LogPlace,
  type Named,
} from '../../contract/lineage.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { Source } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { Journal, Recall } from '../../telemetry/journal/journal.ts'
import { hashOf, type Remembered } from '../../telemetry/journal/note.ts'
import { Latest } from './latest.ts'
import { cut } from '../../data-plane/event-name.ts'

/** Of notes in the journal. Older journals are read by newer workers: a number is never used again for something else. */
const kind = { accepted: 1, refused: 2, delivered: 3, settled: 4, refusedTogether: 5 } as const

/** Of what a stranger chose so much is kept, characters, so that one who answers with novels does not wear the memory out. */
const mostReasonChars = 2_048
/** Bytes of refusals that are remembered: a sender that repeats them in a loop shall not wear out what is known of other events. */
const refusals = { burst: 4 * 1024 * 1024, perSecond: 32 * 1024 }
/** What one of many that are refused together takes, bytes. */
const togetherBytes = 32
/** Of an answer with many events, so many are kept. */
const mostReplies = 100
/** Of each sort, so many are told of one id, the newest. */
const mostTold = 200

/** What is remembered of an id. */
interface RememberedOfId extends Recall {
  readonly accepted: readonly Accepted[]
  readonly refused: readonly Refused[]
  readonly places: readonly LogPlace[]
}

/** What is remembered of a place: the last end at each Outlet, by uid. */
interface RememberedOfPlace extends Recall {
  readonly settled: ReadonlyMap<string, Settled>
}

/** What a worker did with events, kept in its journal. */
export class WorkerLineage implements IngressLineage, DeliveryLineage {
  readonly #journal: Journal
  readonly #sources = new WeakMap<Inlet, string>()
  readonly #refusals: TokenBucket

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal
    this.#refusals = new TokenBucket(refusals, clock)
  }

  accepted(inlet: Inlet, event: Named, partition: number, offset: bigint): void {
    this.#journal.note({
      kind: kind.accepted,
      hash: idHash(event.id),
      extra: idHash(event.source),
      subject: this.#sourceOf(inlet),
      topic: inlet.topic,
      partition,
      offset: Number(offset),
      status: 0,
    })
  }

  refused(path: string, events: readonly Named[], problem: Pick<Refused, 'status' | 'code' | 'detail'>): void {
    const { status, code } = problem
    const told = { path: cut(path), status, code, detail: cut(problem.detail, mostReasonChars) }
    const [first = { id: '', source: '' }] = events
    if (events.length > 1) return this.#refusedTogether(events, told)
    const text = JSON.stringify({ ...told, id: cut(first.id), source: cut(first.source) })
    if (!this.#refusals.take(0, text.length)) return this.#journal.leaveOut()
    this.#journal.note({ ...nowhere, kind: kind.refused, hash: idHash(first.id), status, text })
  }

  /** What is the same for all is written once a block, and names as their hashes alone: a batch may have thousands. */
  #refusedTogether(events: readonly Named[], told: Omit<Refused, 'at' | 'id' | 'source'>): void {
    const subject = JSON.stringify(told)
    const remembered = this.#refusals.take(0, subject.length + events.length * togetherBytes)
    for (const { id, source } of events) {
      const hashes = { hash: idHash(id), extra: idHash(source), partition: otherHash(id) }
      if (!remembered) this.#journal.leaveOut()
      else this.#journal.note({ ...nowhere, ...hashes, kind: kind.refusedTogether, subject, status: told.status })
    }
  }

  delivered({ uid }: Outlet, place: LogPlace, id: string | null, status: number, tookMs: number): void {
    this.#journal.note({
      kind: kind.delivered,
      hash: id === null ? 0 : idHash(id),
      extra: microseconds(tookMs),
      subject: uid,
      topic: place.topic,
      partition: place.partition,
      offset: place.offset,
      status,
    })
  }

  settled({ uid }: Outlet, place: LogPlace, id: string | null, settled: Omit<Settled, 'at'>): void {
    const { topic, partition, offset } = place
    const hash = id === null ? 0 : idHash(id)
    const at = { extra: 0, subject: uid, topic, partition, offset }
    const text = JSON.stringify(bounded(settled))
    this.#journal.note({ ...at, kind: kind.settled, hash, status: settled.status ?? 0, text })
  }

  /** What is remembered of events with this id. @throws the signal's reason. */
  async ofId(id: string, source: string | undefined, signal?: AbortSignal): Promise<RememberedOfId> {
    const accepted = new Latest<Accepted>(mostTold)
    const refused = new Latest<Refused>(mostTold)
    const places = new Latest<LogPlace>(mostTold)
    const sourceHash = source === undefined ? undefined : idHash(source)
    const recall = await this.#journal.recall(
      { hash: idHash(id) },
      (note) => {
        if (note.kind === kind.accepted) {
          const inlet = sourceHash === undefined || note.extra === sourceHash ? parsed(note.subject, Source) : null
          const place = placeOf(note)
          if (inlet !== null) accepted.set(keyOf(place), { at: note.at, inlet, place })
        } else if (note.kind === kind.refused) {
          const one = parsed(note.text, Refused.omit({ at: true }))
          const isAsked = one?.id === cut(id) && (source === undefined || one.source === cut(source))
          if (one !== null && isAsked) refused.add({ at: note.at, ...one })
        } else if (note.kind === kind.refusedTogether) {
          const isAsked = note.partition === otherHash(id) && (sourceHash === undefined || note.extra === sourceHash)
          const told = isAsked ? parsed(note.subject, Refused.omit({ at: true, id: true, source: true })) : null
          if (told !== null) refused.add({ at: note.at, ...told, id: cut(id), source: cut(source ?? '') })
        } else if (note.topic !== '') {
          const place = placeOf(note)
          places.set(keyOf(place), place)
        }
      },
      signal,
    )
    return { ...recall, accepted: accepted.all, refused: refused.all, places: places.all }
  }

  /** How deliveries of the record there ended. @throws the signal's reason. */
  async ofPlace(place: LogPlace, signal?: AbortSignal): Promise<RememberedOfPlace> {
    const settled = new Map<string, Settled>()
    const recall = await this.#journal.recall(
      place,
      (note) => {
        const one = settledIn(note)
        if (one !== null) settled.set(note.subject, one)
      },
      signal,
    )
    return { ...recall, settled }
  }

  #sourceOf(inlet: Inlet): string {
    let text = this.#sources.get(inlet)
    if (text === undefined) this.#sources.set(inlet, (text = JSON.stringify(inlet.source)))
    return text
  }
}

const nowhere = { extra: 0, subject: '', topic: '', partition: 0, offset: 0 }

/** What a stranger chose is cut before it is hashed too: whoever asks may have the whole of it, and who answers not. */
function idHash(text: string): number {
  return hashOf(cut(text))
}

/** Where nothing else of a name is kept: with {@link idHash}, 64 bits that stand for it. */
function otherHash(text: string): number {
  return hashOf(`id ${cut(text)}`)
}

function microseconds(ms: number): number {
  return Math.min(0xffffffff, Math.max(0, Math.round(ms * 1_000)))
}

function bounded(settled: Omit<Settled, 'at'>): Omit<Settled, 'at'> {
  const { failure, replies } = settled
  const reason = failure === undefined ? {} : { failure: { ...failure, reason: cut(failure.reason, mostReasonChars) } }
  if (replies === undefined) return { ...settled, ...reason }
  const kept = replies.slice(0, mostReplies).map(({ place, id, source, type }) => {
    return { place, id: cut(id), source: cut(source), type: cut(type) }
  })
  return { ...settled, ...reason, replies: kept }
}

function settledIn(note: Remembered): Settled | null {
  const { at, status } = note
  if (note.kind === kind.delivered) {
    return { at, outcome: 'delivered', attempts: 1, status, tookMs: note.extra / 1_000 }
  }
  if (note.kind !== kind.settled) return null
  const one = parsed(note.text, Settled.omit({ at: true }))
  return one === null ? null : { at, ...one }
}

function placeOf({ topic, partition, offset }: Remembered): LogPlace {
  return { topic, partition, offset }
}

function keyOf({ topic, partition, offset }: LogPlace): string {
  return `${topic}/${partition}/${offset}`
}

/** Null: it is of a version that knew more, or less. */
function parsed<T>(text: string | undefined, schema: z.ZodType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data ?? null
  } catch {
    return null
  }
}
