/**
 * Our idea of a Kubernetes API server: what the control plane and the workers may ask of it, and no more. Two adapters keep the same
 * promises (`test/suites/kube.suite.ts`): one in memory, and a real API server. What the suite does not promise, no room relies on.
 *
 * Faults: ApiUnavailable, ApiThrottled, ApiConflict, ApiNotFound, ApiAlreadyExists, ApiForbidden, ApiRefused, ApiGone; Closed when the
 * signal was aborted.
 */

/** A kind of object as the API server serves it. */
export interface Resource {
  /** '' for the core group. */
  readonly group: string
  readonly version: string
  /** `triggers`. */
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

/** `v1`, `eventing.knative.dev/v1`. */
export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

/**
 * No object has this version: the store of an API server begins with it. Applied with this resourceVersion an object is made where there is none,
 * and one that is there is ApiConflict.
 */
export const versionOfNone = '1'

/** Name and namespace of an object; `namespace` is '' for what has none. */
export interface ObjectName {
  readonly namespace: string
  readonly name: string
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Kubernetes ObjectMeta, as far as we read it. */
export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: readonly unknown[]
  readonly generateName?: string
}

/** Any object. Whoever reads more of it than metadata parses it with the schema of its kind. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly [field: string]: unknown
}

/** An object as the API server gave it: what it always sets is there. */
export type StoredObject = KubeObject & {
  readonly metadata: Metadata & { readonly uid: string; readonly resourceVersion: string }
}

/** What to list or watch. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Only apiVersion, kind and metadata of each object (PartialObjectMetadata): cheap for kinds of which we need no more. */
  readonly metadataOnly?: boolean
}

export interface ListPage {
  readonly items: readonly StoredObject[]
  readonly resourceVersion: string
  /** There is more: hand this in to go on. @see ListOptions.continue */
  readonly continue?: string
}

export interface ListOptions extends Selection {
  readonly limit?: number
  readonly continue?: string
}

export type WatchEvent =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: StoredObject }
  /** Nothing changed up to this version. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string }

export interface WatchOptions extends Selection {
  /** Changes after this version. */
  readonly resourceVersion: string
  /** The API server ends the watch after so many seconds. Default 300. */
  readonly timeoutSeconds?: number
  /**
   * Nothing came for this long, not even a bookmark (the API server sends one a minute, if ever anything changed): the connection is taken for
   * dead. ApiUnavailable with `details.silentMs`. Default 90,000.
   */
  readonly silenceMs?: number
}

/** How a change is sent. */
export type Patch =
  /** RFC 7386. */
  | { readonly kind: 'merge'; readonly body: object }
  /** RFC 6902. */
  | { readonly kind: 'json'; readonly body: readonly object[] }

export interface WriteOptions {
  readonly subresource?: 'status' | 'scale'
  /** Judge and answer, store nothing. */
  readonly dryRun?: boolean
}

/** Port: an API server. Every call ends when `signal` aborts. Nothing is retried here: that is for those who know whether it makes sense. */
export interface KubeClient {
  /** Null when it does not exist (a kind that is not installed is ApiNotFound). */
  get(resource: Resource, key: ObjectName, signal: AbortSignal): Promise<StoredObject | null>
  /** One page. A kind that is not installed: ApiNotFound. `continue` too old: ApiGone. */
  list(resource: Resource, options: ListOptions, signal: AbortSignal): Promise<ListPage>
  /**
   * Calls `on` for each event, in order, until the server ends the watch (resolves) or it breaks (throws; ApiGone: list again).
   * What `on` throws ends the watch and is thrown.
   */
  watch(resource: Resource, options: WatchOptions, on: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>
  /** @throws ApiAlreadyExists */
  create(resource: Resource, object: KubeObject, signal: AbortSignal, options?: WriteOptions): Promise<StoredObject>
  /** PUT: replaces it; `metadata.resourceVersion` guards against changes in between (ApiConflict). */
  replace(resource: Resource, object: KubeObject, signal: AbortSignal, options?: WriteOptions): Promise<StoredObject>
  patch(
    resource: Resource,
    key: ObjectName,
    patch: Patch,
    signal: AbortSignal,
    options?: WriteOptions,
  ): Promise<StoredObject>
  /**
   * Server-side apply, by force: the fields in `object` are ours now. Creates it when it does not exist. `metadata.resourceVersion`: only over this
   * version, else ApiConflict. @see versionOfNone
   */
  apply(
    resource: Resource,
    object: KubeObject,
    fieldManager: string,
    signal: AbortSignal,
    options?: WriteOptions,
  ): Promise<StoredObject>
  /** False when it did not exist. `uid`: only this one, else ApiConflict. */
  delete(
    resource: Resource,
    key: ObjectName,
    signal: AbortSignal,
    options?: { readonly uid?: string; readonly propagation?: 'Background' | 'Foreground' | 'Orphan' },
  ): Promise<boolean>
  /** Lets go of connections. */
  close(): void
}
