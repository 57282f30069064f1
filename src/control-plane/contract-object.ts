import { sourceLabels } from '../contract/objects.ts'
import type { Outlet } from '../contract/outlet.ts'
import type { Source } from '../contract/source.ts'
import { apiVersionOf, type KubeObject, type ObjectName, type Resource, type StoredObject } from '../kube/client.ts'

/** An Inlet or Outlet, as it is compiled. */
export interface ContractDraft {
  readonly uid: string
  readonly source: Source
  readonly [field: string]: unknown
}

/**
 * The custom resource of an Inlet or Outlet: named by the UID of its source. No ownerReference: the garbage collector takes an owner in
 * another namespace for one that does not exist.
 */
export function contractObject(resource: Resource, { uid, ...spec }: ContractDraft, namespace: string): KubeObject {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name: uid, namespace }, spec }
}

/** An Outlet as it stands, but that nothing is delivered: what it needs is gone for a while, and its positions are kept until that is back. */
export function haltedDraft({ metadata, spec }: StoredObject): Omit<Outlet, 'generation'> {
  return { ...(spec as Omit<Outlet, 'uid' | 'generation'>), uid: metadata.name, paused: true }
}

/** Values of labels have 63 characters at most, names of objects 253: the label then has what fits; `spec.source` has the whole. */
export function sourceLabelsOf({ kind, namespace, name }: Source): Readonly<Record<string, string>> {
  return {
    [sourceLabels.kind]: kind,
    [sourceLabels.namespace]: namespace,
    [sourceLabels.name]: name.slice(0, 63).replace(/[^a-zA-Z0-9]+$/, ''),
  }
}

/** Which object an Inlet or Outlet was compiled from. */
export function sourceOf(object: StoredObject): { readonly kind: string; readonly key: ObjectName } | undefined {
  const source = (object['spec'] as { source?: Source } | undefined)?.source
  if (source === undefined) return undefined
  return { kind: source.kind, key: { namespace: source.namespace, name: source.name } }
}
