import { isDeepStrictEqual } from 'node:util'
import { valueAt, type JsonObject } from '../../api/json.ts'
import { isAfter } from '../../kube/resource-version.ts'
import type { GroupKind } from '../references.ts'
import { fingerprint, injectedEnv, sameEnv, undoneEnv, type Displaced, type Had, type Variables } from './env.ts'
import { recordOf, saidOf, withRecord, type BindingRecord, type WorkloadRecord } from './record.ts'
import {
  containerLists,
  containersOf,
  isFrozen,
  podSpecPath,
  skipContainersAnnotation,
  type Container,
} from './workload.ts'

/** A SinkBinding that wants to put variables into a workload. */
export interface BoundSink {
  readonly name: string
  readonly uid: string
  /** RFC 3339. */
  readonly createdAt: string
  /** Its resourceVersion. */
  readonly version: string
  /** Two of the same prefix want the same variables. */
  readonly prefix: string
  /** Null: it does not know yet what they are. What a workload has already stays. */
  readonly variables: Variables | null
}

/** All that wants variables in one workload. */
export interface Binders {
  /** Those that select it, and are not being deleted. */
  readonly sinks: readonly BoundSink[]
  /** Up to which version we know of the SinkBinding of this name, be it that there is none (any more). */
  readonly knownUpTo: (name: string) => string
  /** What the workload says was put into it, where that is not what its annotation says. */
  readonly record?: WorkloadRecord
  /** Whether a template that never changes may still be changed, because it is only being made. */
  readonly beingMade?: boolean
}

/** A workload as it shall be, and whose variables it has. */
export interface Bound {
  readonly object: JsonObject
  readonly record: WorkloadRecord
  /** Who did not get in, and who stands in the way. */
  readonly conflicts: ReadonlyMap<string, string>
  /** Names of variables of the user that stand back. */
  readonly displaced: readonly string[]
}

/**
 * Puts into a workload what its SinkBindings say, and takes out what was put into it by those that do not bind it any more. Pure, and doing it
 * twice changes nothing. What the user wrote stands in the record while it stands back.
 *
 *     workload ── undo by its record ──► as the user meant it ── inject ──► as it shall be
 *        └── says the same already, in whatever order: stays as it is
 */
export function bind(workload: JsonObject, kind: GroupKind, binders: Binders): Bound {
  const before = binders.record ?? recordOf(workload)
  const { granted, conflicts } = grant(before, binders)
  if (isFrozen(kind) && binders.beingMade !== true) return frozen(workload, before, granted, conflicts)
  const vars = inRank(variablesIn([...granted.values()]))
  const had = hadIn(Object.values(before))
  const skipped = skippedIn(workload)
  const was = new Map<string, readonly Displaced[]>()
  const treat = (container: Container, placeholder: string): Container => {
    const live = container.env ?? []
    const name = container.name ?? placeholder
    const stoodBack = Object.values(before).flatMap(({ was }) => saidOf(was, name) ?? saidOf(was, placeholder) ?? [])
    const bare = undoneEnv(live, had, stoodBack)
    const { env, displaced } = injectedEnv(bare, skipped.has(name) ? {} : vars)
    if (displaced.length > 0) was.set(name, displaced)
    if (sameEnv(live, env)) return container
    const { env: _, ...rest } = container
    return env.length === 0 ? rest : { ...container, env }
  }
  const lists = containerLists.flatMap((list) => {
    const containers = containersOf(workload, kind, list)
    if (containers === null) return []
    return [[list, containers.map((container, index) => treat(container, placeholderOf(list, index)))] as const]
  })
  const object = withLists(workload, kind, Object.fromEntries(lists))
  const record = Object.fromEntries([...granted].map(([name, each]) => [name, withDisplaced(each, was)]))
  const displaced = [...new Set([...was.values()].flat().map(({ entry }) => entry.name))]
  return { object: withRecord(object, record), record, conflicts, displaced }
}

/** Whether two versions of a workload have the same pod template: if not, its pods are replaced. */
export function sameTemplate(a: JsonObject, b: JsonObject, kind: GroupKind): boolean {
  const path = podSpecPath(kind)
  return isDeepStrictEqual(valueAt(a, path), valueAt(b, path))
}

type Granted = ReadonlyMap<string, BindingRecord>

/**
 * Who has which variables. Who is in already stays; else the oldest comes first. A record of a SinkBinding of which its writer knew more than we do
 * stays as it is: we would undo what is right.
 */
function grant(before: WorkloadRecord, { sinks, knownUpTo }: Binders) {
  const wanted = new Set(sinks.map(({ name }) => name))
  const kept = Object.entries(before).filter(([name, { at }]) => !wanted.has(name) && isAfter(at, knownUpTo(name)))
  const granted = new Map<string, BindingRecord>(kept)
  const taken = new Map(
    kept.flatMap(([name, { env }]) => Object.keys(env).map((variable) => [variable, name] as const)),
  )
  const conflicts = new Map<string, string>()
  for (const sink of inOrder(sinks, before)) {
    const mark = `${sink.prefix}K_SINK`
    const holder = taken.get(mark)
    if (holder !== undefined) {
      conflicts.set(sink.name, holder)
      continue
    }
    // Also who has no address yet keeps its place.
    taken.set(mark, sink.name)
    const record = granting(sink, before, knownUpTo(sink.name))
    if (record !== null) granted.set(sink.name, record)
  }
  return { granted: granted as Granted, conflicts }
}

function granting(
  { name, uid, version, variables }: BoundSink,
  before: WorkloadRecord,
  knownUpTo: string,
): BindingRecord | null {
  const record = saidOf(before, name)
  const { was: _, ...known } = record ?? { was: undefined, env: {}, at: '', uid: '' }
  // Of who knows all that came after it, a record of another cluster is no match: here is none that knew more.
  const stale = record !== undefined && isAfter(record.at, version) && isAfter(record.at, knownUpTo)
  if (stale || variables === null) return record === undefined ? null : known
  const same = known.uid === uid && isDeepStrictEqual({ ...known.env }, { ...variables })
  if (same) return known.at === '' ? { ...known, at: version } : known
  const former = formerOf(known, before, variables)
  return { uid, at: version, env: { ...variables }, ...(Object.keys(former).length === 0 ? {} : { former }) }
}

/** So many former values of a variable are known as ours. */
const mostFormer = 3

/** The values that these variables had before, whoever gave them. */
function formerOf(known: BindingRecord, before: WorkloadRecord, now: Variables): Record<string, string[]> {
  const names = new Set([known.env, known.former ?? {}, now].flatMap((map) => Object.keys(map)))
  const records = Object.values(before)
  const stoodBack = new Set(
    records.flatMap(({ was = {} }) => Object.values(was).flatMap((all) => all.map(({ entry }) => entry.name))),
  )
  const all = [...names].map((name): [string, string[]] => {
    const values = records.flatMap(({ env }) => saidOf(env, name) ?? []).map(fingerprint)
    const current = Object.hasOwn(now, name) ? fingerprint(now[name] ?? '') : undefined
    // What stood back comes back now, and may say the same.
    if (current === undefined && stoodBack.has(name)) return [name, []]
    const each = new Set([...records.flatMap(({ former }) => saidOf(former, name) ?? []), ...values])
    return [name, [...each].filter((one) => one !== current).slice(-mostFormer)]
  })
  return Object.fromEntries(all.filter(([, each]) => each.length > 0))
}

function inOrder(sinks: readonly BoundSink[], before: WorkloadRecord): readonly BoundSink[] {
  const isIn = ({ name, uid, prefix }: BoundSink): boolean =>
    saidOf(before, name)?.uid === uid && saidOf(saidOf(before, name)?.env, `${prefix}K_SINK`) !== undefined
  return sinks.toSorted(
    (a, b) => Number(isIn(b)) - Number(isIn(a)) || compare(a.createdAt, b.createdAt) || compare(a.name, b.name),
  )
}

/** A template that cannot change: the record says who is in it. */
function frozen(
  workload: JsonObject,
  before: WorkloadRecord,
  granted: Granted,
  conflicts: ReadonlyMap<string, string>,
): Bound {
  const record = Object.fromEntries(Object.entries(before).filter(([name]) => granted.has(name)))
  return { object: withRecord(workload, record), record, conflicts, displaced: [] }
}

function withDisplaced(record: BindingRecord, was: ReadonlyMap<string, readonly Displaced[]>): BindingRecord {
  const mine = [...was].flatMap(([container, displaced]) => {
    const own = displaced.filter(({ entry }) => Object.hasOwn(record.env, entry.name))
    return own.length === 0 ? [] : [[container, own] as const]
  })
  return mine.length === 0 ? record : { ...record, was: Object.fromEntries(mine) }
}

/** Stands for a container that has no name: Knative gives it one after it was admitted. */
function placeholderOf(list: string, index: number): string {
  return list === 'containers' ? `#${index}` : `#${list}/${index}`
}

function hadIn(records: readonly BindingRecord[]): Had {
  const values = setsOf(records.flatMap(({ env }) => Object.entries(env).map(([name, value]) => [name, [value]])))
  return { values, former: setsOf(records.flatMap(({ former }) => Object.entries(former ?? {}))) }
}

function setsOf(all: readonly (readonly [name: string, values: readonly string[]])[]): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>()
  for (const [name, values] of all) sets.set(name, new Set([...(sets.get(name) ?? []), ...values]))
  return sets
}

function variablesIn(records: readonly BindingRecord[]): Variables {
  return Object.fromEntries(records.flatMap(({ env }) => Object.entries(env)))
}

const ranks = ['K_SINK', 'K_CA_CERTS', 'K_CE_OVERRIDES']

/** Always in the same order, that of Knative, whoever says them. */
function inRank(variables: Variables): Variables {
  const placed = Object.entries(variables).map(([name, value]) => {
    const rank = ranks.findIndex((each) => name.endsWith(each))
    return { prefix: name.slice(0, name.length - (ranks[rank]?.length ?? 0)), rank, name, value }
  })
  const sorted = placed.toSorted((a, b) => compare(a.prefix, b.prefix) || a.rank - b.rank)
  return Object.fromEntries(sorted.map(({ name, value }) => [name, value]))
}

function withLists(workload: JsonObject, kind: GroupKind, lists: JsonObject): JsonObject {
  const put = (node: JsonObject, path: readonly string[]): JsonObject => {
    const [key, ...rest] = path
    if (key === undefined) return { ...node, ...lists }
    return { ...node, [key]: put((node[key] ?? {}) as JsonObject, rest) }
  }
  return Object.keys(lists).length === 0 ? workload : put(workload, podSpecPath(kind))
}

function skippedIn(workload: JsonObject): ReadonlySet<string> {
  const text = valueAt(workload, ['metadata', 'annotations', skipContainersAnnotation])
  return new Set(typeof text === 'string' ? text.split(',').map((name) => name.trim()) : [])
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
