import { isDeepStrictEqual } from 'node:util'
import { valueAt, type JsonObject } from '../../api/json.ts'
import { isAfter } from '../../kube/resource-version.ts'
import type { GroupKind } from '../references.ts'
import { injectedEnv, sameEnv, undoneEnv, type Displaced, type Variables } from './env.ts'
import { recordOf, withRecord, type BindingRecord, type WorkloadRecord } from './record.ts'
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
  const had = variablesIn(Object.values(before))
  const skipped = skippedIn(workload)
  const was = new Map<string, readonly Displaced[]>()
  const treat = (container: Container): Container => {
    const live = container.env ?? []
    const stoodBack = Object.values(before).flatMap((record) => record.was?.[container.name] ?? [])
    const bare = undoneEnv(live, had, stoodBack)
    const { env, displaced } = injectedEnv(bare, skipped.has(container.name) ? {} : vars)
    if (displaced.length > 0) was.set(container.name, displaced)
    if (sameEnv(live, env)) return container
    const { env: _, ...rest } = container
    return env.length === 0 ? rest : { ...container, env }
  }
  const lists = containerLists.flatMap((list) => {
    const containers = containersOf(workload, kind, list)
    return containers === null ? [] : [[list, containers.map(treat)] as const]
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
    const record = granting(sink, before[sink.name])
    if (record !== null) granted.set(sink.name, record)
  }
  return { granted: granted as Granted, conflicts }
}

function granting({ uid, version, variables }: BoundSink, record: BindingRecord | undefined): BindingRecord | null {
  const { was: _, ...known } = record ?? { was: undefined, env: {}, at: '', uid: '' }
  const stale = record !== undefined && isAfter(record.at, version)
  if (stale || variables === null) return record === undefined ? null : known
  if (known.uid === uid && isDeepStrictEqual({ ...known.env }, { ...variables })) return known
  return { uid, at: version, env: { ...variables } }
}

function inOrder(sinks: readonly BoundSink[], before: WorkloadRecord): readonly BoundSink[] {
  const isIn = ({ name, uid, prefix }: BoundSink): boolean =>
    before[name]?.uid === uid && Object.hasOwn(before[name].env, `${prefix}K_SINK`)
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
