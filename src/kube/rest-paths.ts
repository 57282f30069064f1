import type { ObjectName, Resource, Selection, WriteOptions } from './client.ts'

/** Path of a collection. `namespace` undefined or '': of all namespaces. */
export function collectionPath(
  { group, version, plural, namespaced }: Resource,
  namespace: string | undefined,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  return namespaced && namespace ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}` : `${root}/${plural}`
}

/** Path of an object, or of what is below it. */
export function objectPath(resource: Resource, key: ObjectName, subresource?: string): string {
  const path = `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

export function withQuery(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value))
  const text = given.toString()
  return text === '' ? path : `${path}?${text}`
}

export function selectionQuery({ labelSelector, fieldSelector }: Selection): Record<string, string | undefined> {
  return { labelSelector: labelSelector || undefined, fieldSelector: fieldSelector || undefined }
}

export function writeQuery({ dryRun }: WriteOptions): Record<string, string | undefined> {
  return { dryRun: dryRun === true ? 'All' : undefined }
}

/** What a request is about, for messages: `triggers.eventing.knative.dev/status shop/orders`. */
export function subject({ group, plural }: Resource, { namespace, name }: ObjectName, subresource?: string): string {
  const kind = `${group === '' ? plural : `${plural}.${group}`}${subresource === undefined ? '' : `/${subresource}`}`
  const place = [namespace, name].filter((part) => part !== '').join('/')
  return place === '' ? kind : `${kind} ${place}`
}
