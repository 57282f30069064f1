import { pathName } from '../../../api/problem.ts'
import { explainTrigger } from '../../../api/trigger-filter.ts'
import type { FoundRecord, OutletStanding, Settled, Standing, StandingAnswer } from '../../../contract/lineage.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import type { Source } from '../../../contract/source.ts'
import { never } from '../../../core/never.ts'
import type { Explanation } from '../../../event/explain.ts'

type Pending = Extract<Standing, { kind: 'pending' }>

/** What became of an event at one Trigger or KafkaSource. */
export type Fate =
  /** The subscriber took it. */
  | { readonly kind: 'delivered' | 'replied'; readonly settled: Settled }
  | { readonly kind: 'deadLettered' | 'parked' | 'dropped'; readonly settled: Settled }
  /** Parked: that is not remembered, but the copy is there. */
  | { readonly kind: 'foundParked'; readonly copy: FoundRecord }
  /** The filter, as it is now, does not let it through. */
  | { readonly kind: 'filtered'; readonly reasons: readonly { readonly path: string; readonly fact: string }[] }
  | { readonly kind: 'asking' | 'retrying' | 'held'; readonly pending: Pending }
  | { readonly kind: 'paused'; readonly behind: number }
  /** Not read yet. `passes` by the filter as it is now; null: that cannot be told. */
  | { readonly kind: 'waiting'; readonly behind: number; readonly passes: boolean | null }
  /** It began later than the event. */
  | { readonly kind: 'later'; readonly startedAt: number }
  | { readonly kind: 'starting' }
  /** No dispatcher speaks for it. */
  | { readonly kind: 'unknown' }
  /** Finished, and nobody knows how. `remembersFrom`: of who owns the partition now. */
  | { readonly kind: 'forgotten'; readonly remembersFrom: number; readonly passes: boolean | null }

/** An event at one Trigger or KafkaSource. */
export interface Delivery {
  readonly of: Source
  /** Of the Trigger or KafkaSource: what is said of its filter is by this one. */
  readonly generation: number
  readonly outlet: string
  readonly group: string
  readonly subscriber: string
  readonly topic: string
  readonly parkingTopic?: string
  /** Who says so; absent: nobody. */
  readonly worker?: string
  readonly fate: Fate
  /** It was settled more often, before. */
  readonly also?: readonly Settled[]
}

/** All that is known of an event. */
export interface Evidence {
  /** Null: Kafka has no such record any more, or nobody could look. */
  readonly record: FoundRecord | null
  /** When it was stored, milliseconds since 1970; null: not known. */
  readonly at: number | null
  readonly standings: readonly StandingAnswer[]
  /** What reads the topic, as far as that is known without asking workers. */
  readonly outlets: readonly Outlet[]
  /** What stands in parking topics under the id of the event. */
  readonly parked: readonly FoundRecord[]
}

/** What a worker says of an Outlet. */
interface Said extends OutletStanding {
  readonly worker: string
  readonly remembersFrom: number
}

/** Who knows more goes first: what was done, what is being done, what will be done, what must have been done. */
const rank: Readonly<Record<Standing['kind'], number>> = { settled: 0, pending: 1, ahead: 2, starting: 3, passed: 4 }

/**
 * What each Outlet made of an event, by what all workers say. After a handover two may speak of the same one: the former owner of the partition
 * remembers, the new one goes on. Pure.
 */
export function deliveriesOf(evidence: Evidence): readonly Delivery[] {
  const said = evidence.standings.flatMap(({ worker, remembersFrom, outlets }) =>
    outlets.map((outlet): Said => ({ ...outlet, worker, remembersFrom })),
  )
  const byOutlet = Map.groupBy(said, ({ outlet }) => outlet.uid)
  const unsaid = evidence.outlets.filter(({ uid }) => !byOutlet.has(uid))
  return [
    ...[...byOutlet.values()].flatMap((all) => deliveryOf(all, evidence)),
    ...unsaid.map((outlet) => ({ ...identityOf(outlet), fate: fateUnsaid(outlet, evidence) })),
  ].toSorted(byName)
}

function deliveryOf(all: readonly Said[], evidence: Evidence): readonly Delivery[] {
  const [best, ...others] = all.toSorted(moreTelling)
  if (best === undefined) return []
  const { outlet, worker } = best
  const also = others.flatMap(({ standing }) => (standing.kind === 'settled' ? standing.settled : []))
  const more = also.length === 0 ? {} : { also }
  return [{ ...identityOf(outlet), worker, fate: fateOf(best, evidence), ...more }]
}

function identityOf({ source, generation, uid, group, subscriber, topic, parking }: Outlet): Omit<Delivery, 'fate'> {
  return {
    of: source,
    generation,
    outlet: uid,
    group,
    subscriber: subscriber.url,
    topic,
    ...(parking === undefined ? {} : { parkingTopic: parking.topic }),
  }
}

function moreTelling(a: Said, b: Said): number {
  const difference = rank[a.standing.kind] - rank[b.standing.kind]
  if (difference !== 0) return difference
  if (a.standing.kind === 'settled' && b.standing.kind === 'settled')
    return b.standing.settled.at - a.standing.settled.at
  return a.remembersFrom - b.remembersFrom
}

function fateOf({ outlet, standing, startedAt, remembersFrom }: Said, evidence: Evidence): Fate {
  switch (standing.kind) {
    case 'settled':
      return fateSettled(standing.settled)
    case 'pending':
      return fatePending(standing)
    case 'ahead': {
      const { behind } = standing
      if (outlet.paused === true) return { kind: 'paused', behind }
      return { kind: 'waiting', behind, passes: explained(outlet, evidence.record)?.passes ?? null }
    }
    case 'starting':
      return { kind: 'starting' }
    case 'passed':
      return fatePassed(outlet, { startedAt, remembersFrom }, evidence)
    default:
      return never(standing)
  }
}

function fateSettled(settled: Settled): Fate {
  const { outcome, replies = [] } = settled
  return { kind: outcome === 'delivered' && replies.length > 0 ? 'replied' : outcome, settled }
}

function fatePending(pending: Pending): Fate {
  if (pending.state === 'paused') return { kind: 'paused', behind: 0 }
  return { kind: pending.state === 'waiting' ? 'retrying' : pending.state, pending }
}

/**
 *     began later ─► its copy is parked ─► the filter does not pass it ─► nobody knows
 */
function fatePassed(
  outlet: Outlet,
  { startedAt, remembersFrom }: { readonly startedAt: number | undefined; readonly remembersFrom: number },
  { record, at, parked }: Evidence,
): Fate {
  const began = beginningOf(outlet, startedAt)
  if (began !== undefined && at !== null && at < began) return { kind: 'later', startedAt: began }
  const copy = parked.find((each) => record !== null && isCopyOf(each, record, outlet))
  if (copy !== undefined) return { kind: 'foundParked', copy }
  const explanation = explained(outlet, record)
  if (explanation?.passes === false) return fateFiltered(explanation)
  return { kind: 'forgotten', remembersFrom, passes: explanation?.passes ?? null }
}

function fateUnsaid(outlet: Outlet, { record }: Evidence): Fate {
  const explanation = explained(outlet, record)
  return explanation?.passes === false ? fateFiltered(explanation) : { kind: 'unknown' }
}

function fateFiltered({ reasons }: Explanation): Fate {
  return { kind: 'filtered', reasons: reasons.map(({ path, fact }) => ({ path: pathName(path), fact })) }
}

/** Before this events are not its own; undefined: all are. */
function beginningOf({ start, startAtMs }: Outlet, startedAt: number | undefined): number | undefined {
  return startAtMs ?? (start === 'latest' ? startedAt : undefined)
}

function isCopyOf({ attributes }: FoundRecord, { place }: FoundRecord, { source }: Outlet): boolean {
  return (
    attributes !== null &&
    attributes['knativekafkapartition'] === String(place.partition) &&
    attributes['knativekafkaoffset'] === String(place.offset) &&
    attributes['knativekafkatopic'] === place.topic &&
    attributes['knativeerrortrigger'] === `${source.namespace}/${source.name}`
  )
}

/** Null: that cannot be told. */
function explained({ filter, conversion }: Outlet, record: FoundRecord | null): Explanation | null {
  if (record === null) return null
  const spec = 'all' in filter ? { filters: filter.all } : 'attributes' in filter ? { filter } : { filters: [filter] }
  const made = conversion === undefined ? {} : { type: conversion.type, source: conversion.source }
  const explanation = explainTrigger(spec, new Map(Object.entries(record.attributes ?? made)))
  // Of the event that is made of a record that is none we do not know all attributes.
  return record.attributes === null && !explanation.passes ? null : explanation
}

function byName(a: Delivery, b: Delivery): number {
  return nameOf(a) < nameOf(b) ? -1 : 1
}

const nameOf = ({ of, topic }: Delivery): string => `${of.kind} ${of.namespace}/${of.name} ${topic}`
