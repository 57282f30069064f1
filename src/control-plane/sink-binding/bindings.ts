import type { StoredObject } from '../../kube/client.ts'
import { canonicalJson } from '../../kube/equal.ts'
import { isAfter } from '../../kube/resource-version.ts'
import type { Store } from '../../kube/store.ts'
import { envPrefixOf, type SinkBindingSpec, type Subject } from '../../api/sink-binding.ts'
import { selects } from '../../api/meta/label-selector.ts'
import { parsedSinkBinding } from '../parsed.ts'
import { groupKindOf, type GroupKind } from '../references.ts'
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

  constructor(store: Store & { readonly resourceVersion: string }) {
    this.#store = store
    store.subscribe(({ kind, object }) => {
      const { namespace = '', name } = object.metadata
      const there = this.#byNamespace.get(namespace) ?? new Map<string, StoredObject>()
      if (kind === 'gone') there.delete(name)
      else there.set(name, object)
      if (there.size === 0) this.#byNamespace.delete(namespace)
      else this.#byNamespace.set(namespace, there)
    })
  }

  in(namespace: string): readonly StoredObject[] {
    return [...(this.#byNamespace.get(namespace)?.values() ?? [])]
  }

  /** Who binds a workload. `newest`: one of which more is known than the cache shows. */
  bindersOf(
    workload: { readonly metadata: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> } },
    kind: GroupKind,
    namespace: string,
    { newest, record, beingMade }: { newest?: StoredObject; record?: WorkloadRecord; beingMade?: boolean } = {},
  ): Binders {
    const all = new Map(this.in(namespace).map((object) => [object.metadata.name, object]))
    if (newest !== undefined) all.set(newest.metadata.name, newest)
    const sinks = [...all.values()].filter((object) => binds(object, kind, workload.metadata)).map(boundSink)
    const seen = this.#store.synced ? this.#store.resourceVersion : ''
    const knownUpTo = (name: string): string => {
      const found = all.get(name)
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

/** What a SinkBinding binds; null when it is not understood. */
export function subjectOf(binding: StoredObject): Subject | null {
  return parsedSinkBinding(binding).value?.spec.subject ?? null
}

/** Whether it wants its variables in what is called so and has these labels. */
export function binds(
  binding: StoredObject,
  kind: GroupKind,
  { name, labels = {} }: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> },
): boolean {
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
