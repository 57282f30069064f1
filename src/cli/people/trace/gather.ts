import type { Accepted, FoundRecord, LogPlace, RememberedAnswer } from '../../../contract/lineage.ts'
import { Fault } from '../../../core/fault.ts'
import { remembered, type Spot, type Witness } from './ask.ts'
import { rightsAdvice } from './cluster-way.ts'
import { spanOf, type TraceFlags } from './flags.ts'
import type { Inquiry } from './inquiry.ts'
import { refusalAdvice } from './refusals.ts'
import type { Report, Traced, TracedRefusal } from './report.ts'
import { Scope } from './scope.ts'
import { Tracer, type Entry } from './tracer.ts'

/** So many events of one id are told, the newest. */
const mostEvents = 20

interface Recalled {
  readonly witness: Witness
  readonly answer: RememberedAnswer
}

/**
 * Asks for an event everywhere where something can be known of it.
 *
 *     all ── /lineage?id ─┬─ places ─► the record (is it this id?) ─► all dispatchers: where it stands at each Outlet
 *                         ├─ refused ─► told
 *                         └─ nothing ─► a dispatcher searches the topics by id ─► as above
 * @throws Fault when nobody can be asked.
 */
export async function gather(inquiry: Inquiry, flags: TraceFlags, now: number): Promise<Report> {
  const { id, source } = flags
  const scope = new Scope(flags, inquiry.way)
  const recalled = await inquiry.each('Asking', inquiry.witnesses, (witness) => remembered(witness, { id, source }))
  if (recalled.length === 0) throw nobody(inquiry, flags)
  const refused = refusedIn(recalled, flags)
  const tracer = new Tracer(inquiry, flags.follow)
  let { events, omitted } = await known(recalled, { inquiry, scope, tracer, flags })
  if (events.length === 0 && (refused.length === 0 || inquiry.silent.length > 0)) {
    ;({ events, omitted } = await search({ inquiry, scope, tracer, flags }, now))
  }
  return {
    id,
    ...(source === undefined ? {} : { source }),
    where: inquiry.way.where,
    found: events.length + refused.length > 0,
    events,
    omitted,
    refused,
    asked: recalled.map(({ witness: { name, role }, answer: { remembersFrom, trouble } }) => {
      return { name, role, remembersFrom, ...(trouble === undefined ? {} : { trouble }) }
    }),
    silent: inquiry.silent,
    searched: inquiry.searched,
  }
}

interface World {
  readonly inquiry: Inquiry
  readonly scope: Scope
  readonly tracer: Tracer
  readonly flags: TraceFlags
}

interface Events {
  readonly events: readonly Traced[]
  readonly omitted: number
}

/** Those that somebody remembers. */
async function known(recalled: readonly Recalled[], { inquiry, scope, tracer, flags }: World): Promise<Events> {
  const places = placesIn(recalled, scope)
  for (const place of scope.placesIn(flags.id)) {
    if (!places.has(keyOf(place))) places.set(keyOf(place), { place, guessed: true })
  }
  const newest = [...places.values()].toSorted((a, b) => (b.accepted?.at ?? 0) - (a.accepted?.at ?? 0))
  const events: Traced[] = []
  for (const { place, accepted, guessed = false } of newest.slice(0, mostEvents)) {
    const entries: Entry[] = []
    for (const spot of scope.spotsAt(place)) entries.push(await entryAt(inquiry, spot, accepted))
    // Places are remembered by a hash of the id, and may be those of another one.
    const ours = entries.filter(({ record }) => record !== null && isMeant(record, flags))
    const gone = guessed ? [] : entries.filter(({ record }) => record === null).slice(0, 1)
    const nothingElse = entries.every(({ record }) => record === null)
    for (const entry of nothingElse ? gone : ours) events.push(await tracer.trace(entry))
  }
  return { events: events.toSorted(byTime), omitted: Math.max(0, newest.length - mostEvents) }
}

/** What Kafka has, where nobody remembers. */
async function search({ inquiry, scope, tracer, flags }: World, now: number): Promise<Events> {
  const span = spanOf(flags, now)
  const { id, source } = flags
  const entries: Entry[] = []
  for (const { topic, cluster } of scope.toSearch()) {
    const where = cluster === undefined ? {} : { cluster }
    const found = await inquiry.look({ topic, id, source, ...where, ...span })
    const { read, bounded, problem } = found
    inquiry.searched.push({ topic, ...span, read, bounded, ...(problem === undefined ? {} : { problem }) })
    const meant = found.records.filter((record) => isMeant(record, flags))
    entries.push(...meant.map((record) => ({ spot: { place: record.place, ...where }, record })))
  }
  const newest = entries.toSorted((a, b) => (b.record?.timestamp ?? 0) - (a.record?.timestamp ?? 0))
  const events: Traced[] = []
  for (const entry of newest.slice(0, mostEvents)) events.push(await tracer.trace(entry))
  return { events: events.toSorted(byTime), omitted: Math.max(0, newest.length - mostEvents) }
}

/** The record of a place, and what is known besides. */
async function entryAt(inquiry: Inquiry, spot: Spot, accepted?: Traced['accepted']): Promise<Entry> {
  const { records, problem } = await inquiry.look(spot)
  return {
    spot,
    record: records[0] ?? null,
    ...(problem === undefined ? {} : { problem }),
    ...(accepted === undefined ? {} : { accepted }),
  }
}

interface PlaceKnown {
  readonly place: LogPlace
  readonly accepted?: NonNullable<Traced['accepted']>
  /** Nobody says that an event of this id stands there: it is looked for. */
  readonly guessed?: boolean
}

function placesIn(recalled: readonly Recalled[], scope: Scope): Map<string, PlaceKnown> {
  const found = new Map<string, PlaceKnown>()
  const take = (place: LogPlace, inlet: Accepted['inlet'] | undefined, known: PlaceKnown): void => {
    if (scope.holds(place.topic, inlet) && !found.has(keyOf(place))) found.set(keyOf(place), known)
  }
  for (const { witness, answer } of recalled) {
    for (const { at, inlet, place } of answer.accepted) {
      take(place, inlet, { place, accepted: { at, broker: inlet, worker: witness.name } })
    }
  }
  for (const { answer } of recalled) for (const place of answer.places) take(place, undefined, { place })
  return found
}

function refusedIn(recalled: readonly Recalled[], { broker, namespace, topic }: TraceFlags): readonly TracedRefusal[] {
  const isMeant = ({ path }: { readonly path: string }): boolean => {
    const [, inNamespace, name] = path.split(/[/?]/)
    return (namespace === undefined || inNamespace === namespace) && (broker === undefined || name === broker)
  }
  const all = recalled.flatMap(({ witness, answer }) =>
    answer.refused.map((each) => ({ ...each, worker: witness.name, advice: refusalAdvice(each) })),
  )
  return topic === undefined
    ? all
        .filter(isMeant)
        .toSorted((a, b) => a.at - b.at)
        .slice(-mostEvents)
    : []
}

/** Whether it is an event with this id, and of this source if one is named. */
function isMeant({ attributes, place }: FoundRecord, { id, source }: TraceFlags): boolean {
  if (attributes === null) return id === `partition:${place.partition}/offset:${place.offset}`
  return attributes['id'] === id && (source === undefined || attributes['source'] === source)
}

function keyOf({ topic, partition, offset }: LogPlace): string {
  return `${topic}/${partition}/${offset}`
}

function byTime(a: Traced, b: Traced): number {
  return timeOf(a) - timeOf(b)
}

/** When it was stored, as far as that is known, milliseconds since 1970. */
function timeOf({ accepted, record }: Traced): number {
  return accepted?.at ?? record?.timestamp ?? 0
}

function nobody({ silent, forbidden, way }: Inquiry, { systemNamespace }: TraceFlags): Fault {
  const reasons = silent.slice(0, 5).map(({ name, why }) => `\n  ${name}: ${why}`)
  const more = silent.length > 5 ? `\n  and ${silent.length - 5} more` : ''
  const advice = forbidden ? `\n${rightsAdvice(systemNamespace)}` : ''
  const code = forbidden ? 'NotAuthorized' : 'ApiRefused'
  return new Fault(code, `No worker of ${way.where} could be asked:${reasons.join('')}${more}${advice}`)
}
