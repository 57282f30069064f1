import type { StoredObject } from '../../kube/client.ts'
import { canonicalJson } from '../../kube/equal.ts'
import { isAfter } from '../../kube/resource-version.ts'
import type { Store } from '../../kube/store.ts'
import { envPrefixOf, type SinkBindingSpec, type Subject } from '../../api/sink-binding.ts'
import { selects } from '../../api/meta/label-selector.ts'
import { parsedSinkBinding } from '../parsed.ts'
import { groupKindName, groupKindOf, type GroupKind } from '../references.ts'
import type { Variables } from './env.ts'
import type { Binders, BoundSink } from './inject.ts'
import type { WorkloadRecord } from './record.ts'

interface BindingStatus {
  readonly sinkUri?: string
  readonly sinkCACerts?: string
}

/** The SinkBindings of a cluster by namespace, as far as a cache has them. To be made before the cache has its first list. */
export class Bindings {
  readonly #store: Store & { readonly resourceVersion: string }
  readonly #byNamespace = new Map<string, Map<string, StoredObject>>()
  /** By what they bind: one workload, or by its labels any of a kind in a namespace. @see placeOf */
  readonly #byPlace = new Map<string, Map<string, StoredObject>>()

  constructor(store: Store & { readonly resourceVersion: string }) {
    this.#store = store
    store.subscribe(({ kind, object }) => {
      const { namespace = '', name } = object.metadata
      const previous = this.#byNamespace.get(namespace)?.get(name)
      if (previous !== undefined) {
        remove(this.#byNamespace, namespace, name)
        remove(this.#byPlace, placeOf(previous), name)
      }
      if (kind === 'gone') return
      add(this.#byNamespace, namespace, object)
      add(this.#byPlace, placeOf(object), object)
    })
  }

  /** Those that want their variables in what is called so and has these labels. */
  of(kind: GroupKind, namespace: string, metadata: Labelled): readonly StoredObject[] {
    const { name = '' } = metadata
    const places = [placeIn(namespace, kind, ''), ...(name === '' ? [] : [placeIn(namespace, kind, name)])]
    return places.flatMap((place) => this.#at(place)).filter((binding) => binds(binding, kind, metadata))
  }

  /** Those, it among them, that may want variables in a workload in which this one wants, or wanted, them. */
  rivalsOf(binding: StoredObject): readonly StoredObject[] {
    const { namespace = '' } = binding.metadata
    const subject = subjectOf(binding)
    if (subject === null) return []
    const kind = groupKindOf(subject)
    if (subject.name !== undefined)
      return ['', subject.name].flatMap((name) => this.#at(placeIn(namespace, kind, name)))
    const ofKind = (other: StoredObject): boolean => {
      const its = subjectOf(other)
      return its !== null && groupKindName(groupKindOf(its)) === groupKindName(kind)
    }
    return [...(this.#byNamespace.get(namespace)?.values() ?? [])].filter(ofKind)
  }

  #at(place: string): readonly StoredObject[] {
    return [...(this.#byPlace.get(place)?.values() ?? [])]
  }

  /** Who binds a workload. `newest`: one of which more is known than the cache shows. */
  bindersOf(
    { metadata }: { readonly metadata: Labelled },
    kind: GroupKind,
    namespace: string,
    { newest, record, beingMade }: { newest?: StoredObject; record?: WorkloadRecord; beingMade?: boolean } = {},
  ): Binders {
    const isNewest = ({ metadata: { name } }: StoredObject): boolean => name === newest?.metadata.name
    const others = this.of(kind, namespace, metadata).filter((object) => !isNewest(object))
    const mine = newest !== undefined && binds(newest, kind, metadata) ? [newest] : []
    const sinks = [...others, ...mine].map(boundSink)
    const seen = this.#store.synced ? this.#store.resourceVersion : ''
    const knownUpTo = (name: string): string => {
      const found = name === newest?.metadata.name ? newest : this.#byNamespace.get(namespace)?.get(name)
      if (found === undefined) return seen
      // What cannot be understood decides nothing: what it did stays.
      if (parsedSinkBinding(found).value === null) return ''
      const { resourceVersion } = found.metadata
      return isAfter(seen, resourceVersion) ? seen : resourceVersion
    }
    return {
      sinks,
      knownUpTo,
      ...(record === undefined ? {} : { record }),
      ...(beingMade === true ? { beingMade } : {}),
    }
  }
}

/** What SinkBindings go by in a workload. */
interface Labelled {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** Objects by place, and there by name. A place where none is left is forgotten. */
export type Index = Map<string, Map<string, StoredObject>>

export function add(index: Index, place: string, object: StoredObject): void {
  const there = index.get(place) ?? new Map<string, StoredObject>()
  index.set(place, there.set(object.metadata.name, object))
}

export function remove(index: Index, place: string, name: string): void {
  const there = index.get(place)
  there?.delete(name)
  if (there?.size === 0) index.delete(place)
}

function placeOf(binding: StoredObject): string {
  const { namespace = '' } = binding.metadata
  const subject = subjectOf(binding)
  return subject === null ? '' : placeIn(namespace, groupKindOf(subject), subject.name ?? '')
}

/** `name`: '' for all that have the labels. */
function placeIn(namespace: string, kind: GroupKind, name: string): string {
  return `${namespace}/${groupKindName(kind)}/${name}`
}

/** What a SinkBinding binds; null when it is not understood. */
export function subjectOf(binding: StoredObject): Subject | null {
  return parsedSinkBinding(binding).value?.spec.subject ?? null
}

/** Whether it wants its variables in what is called so and has these labels. */
export function binds(binding: StoredObject, kind: GroupKind, { name, labels = {} }: Labelled): boolean {
  const subject = subjectOf(binding)
  if (subject === null || binding.metadata.deletionTimestamp !== undefined) return false
  const wanted = groupKindOf(subject)
  if (wanted.group !== kind.group || wanted.kind !== kind.kind) return false
  return subject.selector === undefined ? subject.name === name : selects(subject.selector, labels)
}

/** What it puts into workloads, by what is stored of it and nothing else: so all who know the same version say the same. */
function boundSink(binding: StoredObject): BoundSink {
  const { name, uid, resourceVersion, creationTimestamp = '', annotations } = binding.metadata
  const prefix = envPrefixOf(annotations)
  const spec = parsedSinkBinding(binding).value?.spec
  const variables = spec === undefined ? null : variablesOf(spec, binding['status'] ?? {}, prefix)
  return { name, uid, createdAt: creationTimestamp, version: resourceVersion, prefix, variables }
}

/** K_SINK, K_CA_CERTS where there are any, and K_CE_OVERRIDES, which is always there, as Knative has it. */
export function variablesOf(spec: SinkBindingSpec, status: BindingStatus, prefix: string): Variables | null {
  const { sinkUri = addressIn(spec), sinkCACerts = spec.sink.CACerts } = status
  if (sinkUri === undefined) return null
  return {
    [`${prefix}K_SINK`]: sinkUri,
    ...(sinkCACerts === undefined || sinkCACerts === '' ? {} : { [`${prefix}K_CA_CERTS`]: sinkCACerts }),
    [`${prefix}K_CE_OVERRIDES`]: overridesOf(spec),
  }
}

/** A sink that is a URL needs nobody to resolve it. */
function addressIn({ sink: { ref, uri } }: SinkBindingSpec): string | undefined {
  return ref === undefined && uri !== undefined && URL.canParse(uri) ? new URL(uri).href : undefined
}

/** In one order, whatever the manifest's: pods are not replaced for it. */
function overridesOf({ ceOverrides }: SinkBindingSpec): string {
  const { extensions = {} } = ceOverrides ?? {}
  return Object.keys(extensions).length === 0 ? '' : canonicalJson({ extensions })
}
