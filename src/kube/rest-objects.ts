import { Fault } from '../core/fault.ts'
import { apiVersionOf, type ListPage, type Resource, type StoredObject, type WatchEvent } from './client.ts'
import { refusalFault } from './rest-faults.ts'

/** `Accept` for metadata alone. What cannot do that (aggregated APIs) answers with whole objects. */
export function metadataAccept(kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`
}

/** Metadata under the kind that was asked for: the API server calls it PartialObjectMetadata. */
export function metadataOf(resource: Resource, { metadata }: StoredObject): StoredObject {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
}

interface List {
  readonly items: readonly StoredObject[] | null
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
}

export function pageOf(resource: Resource, answer: unknown, metadataOnly: boolean): ListPage {
  const { items, metadata } = answer as List
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind } // lists of built-in kinds leave it out
  return {
    items: (items ?? []).map((item) => (metadataOnly ? metadataOf(resource, item) : { ...kind, ...item })),
    resourceVersion: metadata.resourceVersion,
    ...(metadata.continue ? { continue: metadata.continue } : {}),
  }
}

const changes = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const

interface WireEvent {
  readonly type: string
  readonly object: StoredObject
}

/**
 * One line of a watch.
 * @throws Fault for an event ERROR what its Status says: ApiGone when the version is too old.
 */
export function eventOf(line: string, what: string): WatchEvent {
  const { type, object } = parsedEvent(line, what)
  if (type in changes) return { type: changes[type as keyof typeof changes], object }
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: object.metadata.resourceVersion }
  const code = typeof object['code'] === 'number' ? object['code'] : 500
  throw refusalFault({ code, body: object, what })
}

function parsedEvent(line: string, what: string): WireEvent {
  try {
    return JSON.parse(line) as WireEvent
  } catch (cause) {
    throw new Fault('ApiUnavailable', `${what}: an event is not JSON: ${line.slice(0, 100)}`, { cause })
  }
}
