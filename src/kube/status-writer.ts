import type { Clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import type { KubeClient, ObjectName, Resource, StoredObject } from './client.ts'
import { sameJson } from './equal.ts'
import { isFault } from './faults.ts'
import { meaningOf } from './meaning.ts'
import type { DesiredStatus } from './reconciler.ts'
import { isAfter } from './resource-version.ts'
import { statusOf, type WrittenStatus } from './status.ts'
import { keyOf, nameOf, type StoreChange } from './store.ts'

interface WriterOptions {
  readonly resource: Resource
  readonly client: KubeClient
  readonly clock: Clock
  /** A change came while a status was being written, and it was not that write coming back. */
  readonly onChange: (key: ObjectName) => void
}

interface Written {
  /** As the API server answered. */
  readonly object: StoredObject
  readonly at: number
}

/** So long an own write is believed against a cache that never shows it (an API server that was put back to an older state). */
const beliefMs = 60_000

/**
 * Writes a status only when it differs from what the API server has. The cache may lag behind our own write, so the newer of the two is what
 * reconciles see and what a status is compared with: nothing is written twice, and nothing flaps.
 */
export class StatusWriter {
  readonly #options: WriterOptions
  /** Own writes that the cache does not show yet. */
  readonly #written = new Map<string, Written>()
  /** Under way, with what the cache showed meanwhile: the watch is often faster than the answer. */
  readonly #writing = new Map<string, StoreChange[]>()
  /** Where the API server stored something else than was sent (a field that its schema drops or defaults): what was sent, what came of it. */
  readonly #altered = new Map<string, { readonly sent: WrittenStatus; readonly stored: unknown }>()

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** The object as we last know it. */
  newest(cached: StoredObject | undefined, key: ObjectName): StoredObject | undefined {
    const id = keyOf(key)
    const written = this.#written.get(id)
    if (written === undefined) return cached
    const own = written.object.metadata
    const newer =
      cached?.metadata.uid === own.uid &&
      isAfter(own.resourceVersion, cached.metadata.resourceVersion) &&
      this.#options.clock.monotonic() - written.at < beliefMs
    if (newer) return written.object
    this.#written.delete(id)
    return cached
  }

  /** Whether a change in the cache needs no reconcile: it is our own write coming back, which whoever decided on that status knows. */
  isEcho(change: StoreChange): boolean {
    const underWay = this.#writing.get(keyOf(change.object.metadata))
    underWay?.push(change)
    if (underWay !== undefined) return true
    const own = this.#isOwn(change)
    this.#dropShown(change)
    return own
  }

  /** What the cache shows by now needs not be kept besides. */
  #dropShown({ kind, object: { metadata } }: StoreChange): void {
    const id = keyOf(metadata)
    const written = this.#written.get(id)?.object.metadata
    if (written === undefined) return
    const behind = written.uid === metadata.uid && isAfter(written.resourceVersion, metadata.resourceVersion)
    if (kind === 'gone' || !behind) this.#written.delete(id)
  }

  #isOwn(change: StoreChange): boolean {
    if (change.kind !== 'set' || change.previous === undefined) return false
    const { metadata } = change.object
    const written = this.#written.get(keyOf(metadata))?.object.metadata
    if (written?.resourceVersion !== metadata.resourceVersion) return false
    return sameJson(meaningOf(change.previous), meaningOf(change.object))
  }

  forget(key: ObjectName): void {
    this.#written.delete(keyOf(key))
    this.#altered.delete(keyOf(key))
  }

  /**
   * Gives the status that was written, null when nothing had to be. Only the object of this uid is touched.
   * @throws ApiConflict, ApiNotFound: it is another one now, or gone; all else that the API server has to say.
   */
  async write(object: StoredObject, desired: DesiredStatus, signal: AbortSignal): Promise<WrittenStatus | null> {
    const status = statusOf(desired, object, this.#options.clock.now())
    if (this.#isStored(status, object)) return null
    const id = keyOf(object.metadata)
    this.#writing.set(id, [])
    try {
      this.#remember(id, status, await this.#patch(object, status, signal))
    } finally {
      const meanwhile = this.#writing.get(id) ?? []
      this.#writing.delete(id)
      const news = meanwhile.some((change) => !this.#isOwn(change))
      for (const change of meanwhile) this.#dropShown(change)
      if (news) this.#options.onChange(nameOf(object))
    }
    return status
  }

  #remember(id: string, status: WrittenStatus, answer: StoredObject): void {
    this.#written.set(id, { object: answer, at: this.#options.clock.monotonic() })
    if (sameJson(status, answer['status'])) this.#altered.delete(id)
    else this.#altered.set(id, { sent: status, stored: answer['status'] })
  }

  #isStored(status: WrittenStatus, object: StoredObject): boolean {
    if (sameJson(status, object['status'])) return true
    const altered = this.#altered.get(keyOf(object.metadata))
    return altered !== undefined && sameJson(status, altered.sent) && sameJson(altered.stored, object['status'])
  }

  async #patch(object: StoredObject, status: WrittenStatus, signal: AbortSignal): Promise<StoredObject> {
    const { client, resource } = this.#options
    const { uid } = object.metadata
    const body = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'add', path: '/status', value: status },
    ]
    try {
      return await client.patch(resource, nameOf(object), { kind: 'json', body }, signal, { subresource: 'status' })
    } catch (error) {
      // The API server answers alike (422) to a test that failed and to a status that its schema refuses.
      if (!isFault(error, 'ApiRefused')) throw error
      const now = await client.get(resource, nameOf(object), signal)
      if (now?.metadata.uid === uid) throw error
      throw new Fault('ApiConflict', 'it was deleted and made again', { cause: error })
    }
  }
}
