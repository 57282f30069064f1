import { isMap, valueAt, type JsonObject } from '../../api/json.ts'
import { selects } from '../../api/meta/label-selector.ts'
import type { Manifest } from '../../api/manifest.ts'
import type { ObjectKey, Place } from '../../api/problem.ts'
import { envPrefixOf } from '../../api/sink-binding.ts'
import { groupKindName, groupKindOf, type GroupKind } from '../references.ts'
import type { Resolve, Resolved } from '../resolve.ts'
import { variablesOf } from './bindings.ts'
import { bind, type BoundSink } from './inject.ts'
import { containersOf } from './workload.ts'

/** A workload of the manifests, with the variables that its SinkBindings give it. */
export interface BoundWorkload {
  readonly key: ObjectKey
  readonly place: Place
  readonly annotations: Readonly<Record<string, string>>
  /** Of its first container, name to value; those that come from elsewhere in a cluster are left out. */
  readonly env: Readonly<Record<string, string>>
  /** A sink of it has no address: why. */
  readonly waitsFor: string | null
}

/** What is told of a SinkBinding. */
export interface CompiledBinding {
  readonly key: ObjectKey
  readonly sink: Resolved
  readonly subjects: readonly ObjectKey[]
  /** Subjects whose variables another one has, and its name. */
  readonly conflicts: readonly { readonly subject: ObjectKey; readonly with: string }[]
}

type BindingManifest = Extract<Manifest, { kind: 'SinkBinding' }>
type OtherManifest = Extract<Manifest, { kind: 'other' }>

/** SinkBindings and workloads of a whole set of manifests; pure. Without an API server the order in the files is the age. */
export function bindManifests(
  objects: readonly Manifest[],
  resolve: Resolve,
): { readonly workloads: readonly BoundWorkload[]; readonly bindings: readonly CompiledBinding[] } {
  const manifests = objects.filter((manifest): manifest is BindingManifest => manifest.kind === 'SinkBinding')
  const bindings = manifests.map((manifest, index) => compiled(manifest, index, resolve))
  const all = objects.filter((manifest): manifest is OtherManifest => manifest.kind === 'other')
  const candidates = all.map((manifest) => ({ manifest, kind: groupKindOf({ ...manifest, kind: manifest.key.kind }) }))
  const workloads = candidates
    .filter(({ manifest, kind }) => containersOf(manifest.object, kind, 'containers') !== null)
    .map(({ manifest, kind }) => {
      const binders = bindings.filter(({ manifest: { key, object } }) =>
        isSubject(manifest, kind, key, object.spec.subject),
      )
      const sinks = binders.map(({ bound }) => bound)
      const bound = bind(manifest.object, kind, { sinks, knownUpTo: () => '', record: {}, beingMade: true })
      const unresolved = binders.find(({ sink, bound: { name } }) => 'missing' in sink && !bound.conflicts.has(name))
      return { manifest, bound, binders, workload: workloadOf(manifest, bound.object, kind, unresolved?.sink) }
    })
  return {
    workloads: workloads.map(({ workload }) => workload),
    bindings: bindings.map(({ manifest, sink, bound: { name } }) => {
      const mine = workloads.filter(({ binders }) => binders.some((each) => each.manifest === manifest))
      const conflicts = mine.flatMap(({ manifest: { key }, bound }) => {
        const rival = bound.conflicts.get(name)
        return rival === undefined ? [] : [{ subject: key, with: rival }]
      })
      return { key: manifest.key, sink, subjects: mine.map((each) => each.manifest.key), conflicts }
    }),
  }
}

function compiled(manifest: BindingManifest, index: number, resolve: Resolve) {
  const { key, object } = manifest
  const sink = resolve(object.spec.sink, key.namespace)
  const prefix = envPrefixOf(object.metadata.annotations)
  const trusted = 'url' in sink && sink.CACerts !== undefined ? { sinkCACerts: sink.CACerts } : {}
  const variables = 'url' in sink ? variablesOf(object.spec, { sinkUri: sink.url, ...trusted }, prefix) : null
  const createdAt = String(index).padStart(6, '0')
  const bound: BoundSink = { name: key.name, uid: key.name, createdAt, version: '1', prefix, variables }
  return { manifest, sink, bound }
}

function isSubject(
  { key, object }: OtherManifest,
  kind: GroupKind,
  binding: ObjectKey,
  subject: BindingManifest['object']['spec']['subject'],
): boolean {
  if (key.namespace !== binding.namespace || groupKindName(groupKindOf(subject)) !== groupKindName(kind)) return false
  if (subject.selector === undefined) return subject.name === key.name
  const labels = valueAt(object, ['metadata', 'labels'])
  return selects(subject.selector, isMap(labels) ? (labels as Record<string, string>) : {})
}

/** A file may have a number where a cluster would refuse it. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function workloadOf(
  { key, place, object }: OtherManifest,
  bound: JsonObject,
  kind: GroupKind,
  unresolved: Resolved | undefined,
): BoundWorkload {
  const [first] = containersOf(bound, kind, 'containers') ?? []
  const plain = (first?.env ?? []).filter((entry) => !('valueFrom' in entry))
  const annotations = valueAt(object, ['metadata', 'annotations'])
  return {
    key,
    place,
    annotations: isMap(annotations) ? (annotations as Record<string, string>) : {},
    env: Object.fromEntries(plain.map(({ name, value = '' }) => [name, textOf(value)])),
    waitsFor: unresolved !== undefined && 'missing' in unresolved ? unresolved.missing : null,
  }
}
