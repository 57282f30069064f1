import { Fault } from '../core/fault.ts'
import type { Access } from './access.ts'
import type {
  KubeClient,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectName,
  Patch,
  Resource,
  Selection,
  StoredObject,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts'
import { isMissing } from './rest-faults.ts'
import { eventOf, metadataAccept, metadataOf, pageOf } from './rest-objects.ts'
import { collectionPath, objectPath, selectionQuery, subject, withQuery, writeQuery } from './rest-paths.ts'
import { nameOf } from './store.ts'
import { Transport, type Ask, type TransportOptions } from './transport.ts'

/** A real API server. Workers live on it, so it loads nothing but Node.js' own HTTP client. */
export function restClient(access: Access, options: TransportOptions = {}): KubeClient {
  return new RestClient(new Transport(access, options))
}

const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json' } as const

type DeleteOptions = NonNullable<Parameters<KubeClient['delete']>[3]>

class RestClient implements KubeClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async get(resource: Resource, key: ObjectName, signal: AbortSignal): Promise<StoredObject | null> {
    const ask: Ask = { method: 'GET', path: objectPath(resource, key), what: `get ${subject(resource, key)}` }
    try {
      return await this.#object(ask, signal)
    } catch (error) {
      if (isMissing(error, key.name)) return null
      throw error
    }
  }

  async list(resource: Resource, options: ListOptions, signal: AbortSignal): Promise<ListPage> {
    const query = { ...selectionQuery(options), limit: options.limit, continue: options.continue }
    const ask: Ask = {
      method: 'GET',
      path: withQuery(collectionPath(resource, options.namespace), query),
      what: `list ${collection(resource, options)}`,
      ...(options.metadataOnly === true ? { accept: metadataAccept('PartialObjectMetadataList') } : {}),
    }
    return pageOf(resource, await this.#transport.json(ask, signal), options.metadataOnly === true)
  }

  async watch(
    resource: Resource,
    options: WatchOptions,
    on: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { resourceVersion, timeoutSeconds = 300, silenceMs = 90_000, metadataOnly = false } = options
    const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds }
    const what = `watch ${collection(resource, options)}`
    const ask: Ask = {
      method: 'GET',
      path: withQuery(collectionPath(resource, options.namespace), { ...selectionQuery(options), ...query }),
      what,
      ...(metadataOnly ? { accept: metadataAccept('PartialObjectMetadata') } : {}),
    }
    const onLine = (line: string): void => {
      const event = eventOf(line, what)
      on(metadataOnly && event.type !== 'bookmark' ? { ...event, object: metadataOf(resource, event.object) } : event)
    }
    await this.#transport.lines(ask, silenceMs, onLine, signal)
  }

  create(
    resource: Resource,
    object: KubeObject,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<StoredObject> {
    const { namespace = '', name, generateName = '' } = object.metadata
    const path =
      options.subresource === undefined
        ? collectionPath(resource, namespace)
        : objectPath(resource, { namespace, name }, options.subresource)
    const what = `create ${subject(resource, { namespace, name: name || generateName }, options.subresource)}`
    // The API server would say something else for each kind.
    if (resource.namespaced && namespace === '') return Promise.reject(new Fault('ApiRefused', `${what}: no namespace`))
    return this.#object({ method: 'POST', path: withQuery(path, writeQuery(options)), what, body: object }, signal)
  }

  replace(
    resource: Resource,
    object: KubeObject,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<StoredObject> {
    const target = this.#target('replace', resource, nameOf(object), options)
    return this.#object({ method: 'PUT', ...target, body: object }, signal)
  }

  patch(
    resource: Resource,
    key: ObjectName,
    { kind, body }: Patch,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<StoredObject> {
    const target = this.#target('patch', resource, key, options)
    return this.#object({ method: 'PATCH', ...target, contentType: patchTypes[kind], body }, signal)
  }

  apply(
    resource: Resource,
    object: KubeObject,
    fieldManager: string,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<StoredObject> {
    const target = this.#target('apply', resource, nameOf(object), options, { fieldManager, force: 'true' })
    const contentType = 'application/apply-patch+yaml' // JSON is YAML
    return this.#object({ method: 'PATCH', ...target, contentType, body: object }, signal)
  }

  async delete(
    resource: Resource,
    key: ObjectName,
    signal: AbortSignal,
    { uid, propagation }: DeleteOptions = {},
  ): Promise<boolean> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    }
    try {
      await this.#transport.json({ method: 'DELETE', ...this.#target('delete', resource, key, {}), body }, signal)
      return true
    } catch (error) {
      if (isMissing(error, key.name)) return false
      throw error
    }
  }

  close(): void {
    this.#transport.close()
  }

  #target(
    verb: string,
    resource: Resource,
    key: ObjectName,
    options: WriteOptions,
    query: Readonly<Record<string, string>> = {},
  ): Pick<Ask, 'path' | 'what'> {
    const { subresource } = options
    return {
      path: withQuery(objectPath(resource, key, subresource), { ...query, ...writeQuery(options) }),
      what: `${verb} ${subject(resource, key, subresource)}`,
    }
  }

  async #object(ask: Ask, signal: AbortSignal): Promise<StoredObject> {
    return (await this.#transport.json(ask, signal)) as StoredObject
  }
}

function collection(resource: Resource, { namespace = '' }: Selection): string {
  return subject(resource, { namespace, name: '' })
}
