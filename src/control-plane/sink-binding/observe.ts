import { envPrefixOf, type SinkBinding } from '../../api/sink-binding.ts'
import type { StoredObject } from '../../kube/client.ts'
import { nameOf, type Store } from '../../kube/store.ts'
import { finalizers, isHeld } from '../finalizers.ts'
import type { KindView } from '../foreign-kinds.ts'
import { parsedSinkBinding } from '../parsed.ts'
import { groupKindName, groupKindOf, type GroupKind } from '../references.ts'
import { statusOf } from '../status-of.ts'
import { binds, subjectOf, variablesOf, type Bindings } from './bindings.ts'
import { recordOf } from './record.ts'
import type { SubjectKinds, Workload } from './subject-kinds.ts'
import { controllerOf, excludeLabel, hasEnded, isFrozen } from './workload.ts'
import type { Binders } from './inject.ts'

/** Where SinkBindings are seen. */
export interface BindingWorld {
  readonly bindings: Bindings
  readonly subjects: SubjectKinds
  /** With labels. */
  readonly namespaces: Store
  /** The system namespace. */
  readonly namespace: string
}

/** A workload of a status. */
export interface SubjectName {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
}

/** A SinkBinding and what matters to it, as one value. */
export interface ObservedBinding {
  readonly object: StoredObject
  readonly namespace: string
  readonly name: string
  /** Null: see `problems`. */
  readonly binding: SinkBinding | null
  readonly problems: string
  readonly deleting: boolean
  readonly hasFinalizer: boolean
  readonly sinkUri: string | undefined
  readonly sinkCACerts: string | undefined
  /** What is known of the kind of its subject. */
  readonly subjectKind: KindView | null
  /** What is known of all kinds that it has, or had, subjects of. */
  readonly views: readonly KindView[]
  /** Those that it selects, and those that it was in. */
  readonly workloads: readonly Workload[]
}

const systemNamespaces: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease'])

/** Caches → value. */
export function observeBinding(object: StoredObject, world: BindingWorld): ObservedBinding {
  const { namespace, name } = nameOf(object)
  const { finalizers: held = [], deletionTimestamp } = object.metadata
  const parsed = parsedSinkBinding(object)
  const { sinkUri, sinkCACerts } = statusOf(object) as { sinkUri?: string; sinkCACerts?: string }
  const kinds = kindsOf(object)
  const subject = subjectOf(object)
  return {
    object,
    namespace,
    name,
    binding: parsed.value,
    problems: parsed.problems ?? '',
    deleting: deletionTimestamp !== undefined,
    hasFinalizer: isHeld('sinkBinding', held),
    sinkUri,
    sinkCACerts,
    subjectKind: subject === null ? null : world.subjects.view(groupKindOf(subject)),
    views: kinds.map((kind) => world.subjects.view(kind)),
    workloads: kinds.flatMap((kind) => world.subjects.in(namespace, kind)).filter((each) => matters(object, each)),
  }
}

/** The kinds that it has, or had, subjects of. */
export function kindsOf(object: StoredObject): readonly GroupKind[] {
  const subject = subjectOf(object)
  const all = [...(subject === null ? [] : [subject]), ...remembered(object)].map(groupKindOf)
  return [...new Map(all.map((kind) => [groupKindName(kind), kind])).values()]
}

/** The subjects that its status remembers. */
export function remembered(object: StoredObject): readonly SubjectName[] {
  return (statusOf(object)['subjects'] ?? []) as readonly SubjectName[]
}

function matters(binding: StoredObject, { object, kind }: Workload): boolean {
  const { name } = binding.metadata
  if (recordOf(object)[name] !== undefined || isRemembered(binding, kind, object)) return true
  const { deletionTimestamp: _, ...metadata } = binding.metadata
  return binds({ ...binding, metadata }, kind, object.metadata)
}

function isRemembered(binding: StoredObject, kind: GroupKind, { metadata: { name } }: StoredObject): boolean {
  return remembered(binding).some(
    (subject) => subject.name === name && groupKindName(groupKindOf(subject)) === groupKindName(kind),
  )
}

/** Why no SinkBinding gets into a workload. */
export type KeptOut =
  | { readonly kind: 'owned'; readonly by: string }
  | { readonly kind: 'excluded' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'going' }

/** Whether a workload by itself says that no SinkBinding touches it. */
export function isLeftAlone(object: StoredObject): boolean {
  return controllerOf(object) !== undefined || object.metadata.labels?.[excludeLabel] === 'true'
}

/** Whether, and why, a workload is left alone; null: it is not. Pure but for the labels of namespaces. */
export function keptOut({ object, kind }: Pick<Workload, 'object' | 'kind'>, world: BindingWorld): KeptOut | null {
  const { labels = {}, namespace = '', deletionTimestamp } = object.metadata
  const owner = controllerOf(object)
  if (owner !== undefined) return { kind: 'owned', by: `${owner.kind} ${owner.name}` }
  if (deletionTimestamp !== undefined) return { kind: 'going' }
  if (labels[excludeLabel] === 'true' || isExcluded(namespace, world)) return { kind: 'excluded' }
  return isFrozen(kind) && hasEnded(object) ? { kind: 'ended' } : null
}

/** Whether nothing in this namespace is bound. */
export function isExcluded(namespace: string, { namespaces, namespace: system }: BindingWorld): boolean {
  if (namespace === system || systemNamespaces.has(namespace)) return true
  return namespaces.get({ namespace: '', name: namespace })?.metadata.labels?.[excludeLabel] === 'true'
}

/** Who binds a workload now. `newest`: the SinkBinding that is being looked at, of which more is known than its cache shows. */
export function bindersOf(
  workload: StoredObject,
  kind: GroupKind,
  world: BindingWorld,
  newest?: StoredObject,
): Binders {
  const record = recordOf(workload)
  const { namespace = '' } = workload.metadata
  const lost = newest !== undefined && record[newest.metadata.name] === undefined && presumed(newest, kind, workload)
  const options = {
    ...(newest === undefined ? {} : { newest }),
    ...(lost === undefined || lost === false ? {} : { record: { ...record, [newest?.metadata.name ?? '']: lost } }),
  }
  const binders = world.bindings.bindersOf(workload, kind, namespace, options)
  return keptOut({ object: workload, kind }, world) === null ? binders : { ...binders, sinks: [] }
}

/**
 * What it put into a workload whose record is lost: into those that its status remembers; and all that it selects, when it is one that Knative's
 * controller looked after, which keeps no records.
 */
function presumed(binding: StoredObject, kind: GroupKind, workload: StoredObject) {
  const [, ofKnative] = finalizers.sinkBinding
  const adopted = binding.metadata.finalizers?.includes(ofKnative) === true
  if (!adopted && !isRemembered(binding, kind, workload)) return undefined
  const spec = parsedSinkBinding(binding).value?.spec
  const status = (binding['status'] ?? {}) as { sinkUri?: string }
  const prefix = envPrefixOf(binding.metadata.annotations)
  const env = spec === undefined || status.sinkUri === undefined ? null : variablesOf(spec, status, prefix)
  return env === null ? undefined : { uid: binding.metadata.uid, at: '', env: { ...env } }
}
