import type { ObjectName, StoredObject } from './client.ts'

/** What changed in a store. */
export type StoreChange =
  | { readonly kind: 'set'; readonly object: StoredObject; readonly previous: StoredObject | undefined }
  /** `object`: as it last was, with the resourceVersion of its deletion where that is known. */
  | { readonly kind: 'gone'; readonly object: StoredObject }

/** Port: a copy of what the API server holds of one kind, kept current by an informer. Objects are never changed by who reads them. */
export interface Store {
  /** Whether the first list is in. Before that a missing object means nothing. */
  readonly synced: boolean
  get(key: ObjectName): StoredObject | undefined
  all(): Iterable<StoredObject>
  /** Calls `listener` after each later change. What it throws is logged and harms nobody else. Returns the way to stop. */
  subscribe(listener: (change: StoreChange) => void): () => void
}

/** `namespace/name`, the key of a map. */
export function keyOf({ namespace, name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace ?? ''}/${name}`
}

export function nameOf({
  metadata,
}: {
  readonly metadata: { readonly namespace?: string; readonly name: string }
}): ObjectName {
  return { namespace: metadata.namespace ?? '', name: metadata.name }
}
