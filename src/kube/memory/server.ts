import type { Clock } from '../../core/clock.ts'
import {
  apiVersionOf,
  type KubeObject,
  type ListOptions,
  type ListPage,
  type ObjectName,
  type Patch,
  type Resource,
  type StoredObject,
  type WriteOptions,
} from '../client.ts'
import { metadataOf } from '../rest-objects.ts'
import { keyOf, nameOf } from '../store.ts'
import { Collector } from './collector.ts'
import { Deletion, versioned } from './deletion.ts'
import { rulesOf, type KindRules } from './kind-rules.ts'
import { applied, withUpdate, type Manager, type OwnershipRules } from './ownership.ts'
import { jsonPatched, mergePatched } from './patches.ts'
import { refusals } from './refusals.ts'
import { matcherOf } from './selector.ts'
import { Storage } from './storage.ts'
import { begun, followed, isUnchanged } from './writing.ts'
import { isoOf } from '../../core/iso.ts'

export type Propagation = 'Background' | 'Foreground' | 'Orphan'

/** `triggers.eventing.knative.dev`: all versions of a kind are the same objects. */
export function kindOf({ plural, group }: Pick<Resource, 'plural' | 'group'>): string {
  return group === '' ? plural : `${plural}.${group}`
}

/**
 * The verbs of an API server, one at a time.
 *
 *     ask ─► kind installed? ─► current ─► next (rules of metadata, status, generation) ─► who owns which field ─► storage ─► collector
 */
export class Server {
  readonly storage: Storage
  readonly #clock: Clock
  readonly #deletion: Deletion
  readonly #collector: Collector
  readonly #installed = new Set<string>()

  constructor(clock: Clock, historyLimit: number) {
    this.#clock = clock
    this.storage = new Storage(historyLimit)
    this.#deletion = new Deletion(this.storage, () => this.#now())
    this.#collector = new Collector(this.storage, this.#deletion)
  }

  install(resource: Resource): void {
    this.#installed.add(kindOf(resource))
  }

  /** Its objects go too, finalizers or not. */
  uninstall(resource: Resource): void {
    for (const object of this.storage.kind(kindOf(resource)).values()) this.storage.remove(kindOf(resource), object)
    this.#installed.delete(kindOf(resource))
  }

  get(resource: Resource, key: ObjectName): StoredObject | null {
    const found = this.storage.get(this.kind(resource), key)
    return found === undefined ? null : served(resource, found)
  }

  list(resource: Resource, options: ListOptions): ListPage {
    const kind = this.kind(resource)
    const matches = matcherOf(options)
    const from = options.continue === undefined ? undefined : placeOf(options.continue)
    const version = from?.version ?? this.storage.version
    const rest = this.storage
      .at(kind, version)
      .filter((object) => matches(object) && (from === undefined || keyOf(object.metadata) > from.after))
    const items = rest.slice(0, options.limit || undefined)
    const last = items.at(-1)
    const more = last !== undefined && items.length < rest.length
    return {
      items: items.map((item) => (options.metadataOnly === true ? metadataOf(resource, item) : served(resource, item))),
      resourceVersion: String(version),
      ...(more ? { continue: tokenOf({ version, after: keyOf(last.metadata) }) } : {}),
    }
  }

  create(resource: Resource, object: KubeObject, by: Manager, options: WriteOptions): StoredObject {
    const kind = this.kind(resource)
    const rules = rulesOf(resource)
    const next = begun(resource, object, rules, this.#now())
    const key = nameOf(next)
    if (this.storage.get(kind, key) !== undefined) throw refusals.alreadyExists(resource, key)
    if (this.#collector.isTerminating(key.namespace)) throw refusals.terminating(resource, key)
    const { managedFields: _, ...metadata } = next.metadata
    return this.#stored(resource, withUpdate(undefined, { ...next, metadata }, by, this.#ownership(rules)), options)
  }

  replace(resource: Resource, object: KubeObject, by: Manager, options: WriteOptions): StoredObject {
    const current = this.#current(resource, nameOf(object))
    if (!object.metadata.resourceVersion && !rulesOf(resource).replaceUnguarded) {
      throw refusals.invalid(resource, nameOf(object), 'metadata.resourceVersion: must be specified for an update')
    }
    return this.#update(resource, current, object, by, options)
  }

  patch(resource: Resource, key: ObjectName, patch: Patch, by: Manager, options: WriteOptions): StoredObject {
    const current = this.#current(resource, key)
    const patched =
      patch.kind === 'merge' ? mergePatched(current, patch.body) : jsonPatchedOrRefused(current, patch.body)
    return this.#update(resource, current, patched as KubeObject, by, options)
  }

  apply(resource: Resource, config: KubeObject, by: Manager, options: WriteOptions): StoredObject {
    const kind = this.kind(resource)
    const rules = rulesOf(resource)
    const key = nameOf(config)
    const current = this.storage.get(kind, key)
    const scoped = scopedTo(config, rules, options.subresource)
    if (current === undefined) {
      if (options.subresource !== undefined) throw refusals.notFound(resource, key)
      if (this.#collector.isTerminating(key.namespace)) throw refusals.terminating(resource, key)
      const first = applied(undefined, scoped, by, this.#ownership(rules))
      // Nothing that it could be compared with.
      const { resourceVersion: _, ...metadata } = first.metadata
      return this.#stored(resource, begun(resource, { ...first, metadata }, rules, this.#now()), options)
    }
    const next = applied(current, scoped, by, this.#ownership(rules))
    const judged = followed(resource, current, next, rules, options.subresource)
    const { managedFields } = next.metadata
    const object = managedFields === undefined ? judged : { ...judged, metadata: { ...judged.metadata, managedFields } }
    return this.#settle(resource, current, object, options)
  }

  delete(resource: Resource, key: ObjectName, uid?: string, propagation?: Propagation): boolean {
    const kind = this.kind(resource)
    const object = this.storage.get(kind, key)
    if (object === undefined) return false
    if (uid !== undefined && uid !== object.metadata.uid) {
      throw refusals.conflict(
        resource,
        key,
        `the UID in the precondition (${uid}) does not match ${object.metadata.uid}`,
      )
    }
    if (propagation === 'Orphan') this.#collector.orphan(object)
    this.#deletion.begin(kind, object, propagation === 'Foreground' ? 'foregroundDeletion' : undefined)
    return true
  }

  /** @throws Fault ApiNotFound when it is not installed. */
  kind(resource: Resource): string {
    const kind = kindOf(resource)
    if (!this.#installed.has(kind)) throw refusals.kindMissing(resource)
    return kind
  }

  #current(resource: Resource, key: ObjectName): StoredObject {
    const current = this.storage.get(this.kind(resource), key)
    if (current === undefined) throw refusals.notFound(resource, key)
    return current
  }

  #update(
    resource: Resource,
    current: StoredObject,
    next: KubeObject,
    by: Manager,
    options: WriteOptions,
  ): StoredObject {
    const rules = rulesOf(resource)
    const judged = followed(resource, current, next, rules, options.subresource)
    return this.#settle(resource, current, withUpdate(current, judged, by, this.#ownership(rules)), options)
  }

  /** Nothing is stored when nothing changed. */
  #settle(resource: Resource, current: StoredObject, next: KubeObject, { dryRun }: WriteOptions): StoredObject {
    const sent = wire(next)
    if (isUnchanged(current, sent) || dryRun === true) return served(resource, versioned(sent, current))
    return served(resource, this.#deletion.store(kindOf(resource), current, sent))
  }

  #stored(resource: Resource, object: KubeObject, { dryRun }: WriteOptions): StoredObject {
    if (dryRun === true)
      return { ...object, metadata: { ...object.metadata, uid: object.metadata.uid ?? '', resourceVersion: '' } }
    return served(resource, this.storage.put(kindOf(resource), wire(object)))
  }

  #ownership({ keyedLists }: KindRules): OwnershipRules {
    return { keyedLists, now: this.#now() }
  }

  #now(): string {
    return isoOf(this.#clock.now())
  }
}

/** What of an applied object counts: all but status, or status alone. */
function scopedTo(config: KubeObject, { hasStatus }: KindRules, subresource: string | undefined): KubeObject {
  const { status, ...rest } = config
  const { apiVersion, kind, metadata } = config
  const { name, namespace } = metadata
  const said = status === undefined ? {} : { status }
  const { managedFields: _, ...written } = metadata
  if (subresource !== undefined) {
    return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...said }
  }
  return { ...rest, apiVersion, kind, metadata: written, ...(hasStatus ? {} : said) }
}

function jsonPatchedOrRefused(current: StoredObject, body: readonly object[]): unknown {
  try {
    return jsonPatched(current, body)
  } catch (cause) {
    throw refusals.badPatch(cause)
  }
}

/** In the version that was asked for. */
export function served(resource: Resource, object: StoredObject): StoredObject {
  const apiVersion = apiVersionOf(resource)
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion }
}

/** As it comes out of JSON: a copy, and what is undefined is not there. */
function wire(object: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(object)) as KubeObject
}

interface PagePlace {
  readonly version: number
  /** The last key of the page before. */
  readonly after: string
}

function tokenOf(place: PagePlace): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

function placeOf(token: string): PagePlace {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as PagePlace
  } catch {
    throw refusals.badRequest('invalid continue token')
  }
}
