import { envPrefixOf, type SinkBinding } from '../../api/sink-binding.ts'
import type { StoredObject } from '../../kube/client.ts'
import { nameOf, type Store } from '../../kube/store.ts'
import { finalizers, isHeld } from '../finalizers.ts'
import type { KindView } from '../foreign-kinds.ts'
import { parsedSinkBinding } from '../parsed.ts'
import { groupKindName, groupKindOf, type GroupKind } from '../references.ts'
import { statusOf } from '../status-of.ts'
import { binds, subjectOf, variablesOf, type Bindings } from './bindings.ts'
import { fingerprint, type Variables } from './env.ts'
import { ofThisCluster, recordOf, saidOf, type BindingRecord } from './record.ts'
import type { SubjectKinds, Workload } from './subject-kinds.ts'
import { containerLists, containersOf, controllerOf, excludeLabel, hasEnded, isFrozen } from './workload.ts'
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
  if (Object.hasOwn(recordOf(object), name) || isRemembered(binding, kind, object)) return true
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
  const written = recordOf(workload)
  const { namespace = '', resourceVersion } = workload.metadata
  const known = ofThisCluster(written, resourceVersion)
  const isNew = newest !== undefined && !Object.hasOwn(known, newest.metadata.name)
  const lost = isNew ? presumed(newest, kind, workload) : undefined
  const record = lost === undefined ? known : { ...known, [newest?.metadata.name ?? '']: lost }
  const options = { ...(newest === undefined ? {} : { newest }), ...(record === written ? {} : { record }) }
  const binders = world.bindings.bindersOf(workload, kind, namespace, options)
  return keptOut({ object: workload, kind }, world) === null ? binders : { ...binders, sinks: [] }
}

/**
 * What it put into a workload whose record is lost: into those that its status remembers; and all that it selects, when it is one that Knative's
 * controller looked after, which keeps no records. What such a workload says when it is first looked at came from there, whatever it says.
 */
export function presumed(binding: StoredObject, kind: GroupKind, workload: StoredObject): BindingRecord | undefined {
  const [, ofKnative] = finalizers.sinkBinding
  const adopted = binding.metadata.finalizers?.includes(ofKnative) === true
  if (!adopted && !isRemembered(binding, kind, workload)) return undefined
  const spec = parsedSinkBinding(binding).value?.spec
  const status = statusOf(binding) as { sinkUri?: string; subjectCount?: number }
  const prefix = envPrefixOf(binding.metadata.annotations)
  const env = spec === undefined || status.sinkUri === undefined ? null : variablesOf(spec, status, prefix)
  if (env === null) return undefined
  // Knative counts no subjects.
  const former = adopted && status.subjectCount === undefined ? valuesOfKnative(workload, kind, env) : {}
  return { uid: binding.metadata.uid, at: '', env: { ...env }, ...(Object.keys(former).length === 0 ? {} : { former }) }
}

/** What stands in a workload under the names that Knative gives, as far as it is something else than `now`. */
function valuesOfKnative(workload: StoredObject, kind: GroupKind, now: Variables): Record<string, string[]> {
  const containers = containerLists.flatMap((list) => containersOf(workload, kind, list) ?? [])
  const all = containers.flatMap(({ env = [] }) => env)
  const former = ['K_SINK', 'K_CA_CERTS', 'K_CE_OVERRIDES'].map((name) => {
    const values = all.filter((entry) => entry.name === name && entry['valueFrom'] == null)
    const others = values.map(({ value = '' }) => value).filter((value) => value !== saidOf(now, name))
    return [name, [...new Set(others.map(fingerprint))]] as [string, string[]]
  })
  return Object.fromEntries(former.filter(([, each]) => each.length > 0))
}
