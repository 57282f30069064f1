import { isDeepStrictEqual } from 'node:util'
import type { KubeClient, ObjectName, Resource, StoredObject } from '../../kube/client.ts'
import { canonicalJson } from '../../kube/equal.ts'
import { isFault } from '../../kube/faults.ts'
import { nameOf } from '../../kube/store.ts'
import { jsonPatch } from '../webhook/json-patch.ts'
import type { Contest } from './contest.ts'
import { bind, sameTemplate, type Binders, type Bound } from './inject.ts'
import type { Workload } from './subject-kinds.ts'

/** What came of it. */
export type Written =
  | { readonly kind: 'asMeant'; readonly bound: Bound }
  /** Someone takes away each time what we put there. */
  | { readonly kind: 'contested'; readonly bound: Bound }
  | { readonly kind: 'gone' }

/** What changes between each look and the write is left for the next reconcile. */
const maxLooks = 3

/**
 *     in the cache as it is meant? ── yes: no request
 *       │ no
 *       ▼
 *     read it ──► bind ──► nothing differs, or repaired too often: no write
 *                  └────► patch, over this version and no other
 */
export class WorkloadWriter {
  readonly #client: KubeClient
  readonly #contest: Contest

  constructor(client: KubeClient, contest: Contest) {
    this.#client = client
    this.#contest = contest
  }

  /** `bindersOf`: who binds it, as it is found. @throws what the API server says. */
  async write(
    { object: cached, kind, resource }: Workload,
    bindersOf: (workload: StoredObject) => Binders,
    signal: AbortSignal,
  ): Promise<Written> {
    const known = bind(cached, kind, bindersOf(cached))
    if (isDeepStrictEqual(known.object, cached)) return this.#asMeant(cached, known)
    for (let looks = 1; ; looks += 1) {
      const live = await this.#read(resource, nameOf(cached), signal)
      if (live === undefined || live.metadata.uid !== cached.metadata.uid) return { kind: 'gone' }
      const bound = bind(live, kind, bindersOf(live))
      const operations = jsonPatch(live, bound.object)
      if (operations.length === 0) return this.#asMeant(live, bound)
      const { uid, resourceVersion } = live.metadata
      const rolls = !sameTemplate(live, bound.object, kind)
      if (rolls && !this.#contest.mayWrite(uid, markOf(bound), resourceVersion)) return { kind: 'contested', bound }
      const guard = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }
      try {
        await this.#client.patch(resource, nameOf(live), { kind: 'json', body: [guard, ...operations] }, signal)
        if (rolls) this.#contest.wrote(uid, markOf(bound))
        return { kind: 'asMeant', bound }
      } catch (error) {
        if (isFault(error, 'ApiNotFound')) return { kind: 'gone' }
        if (looks === maxLooks || !isFault(error, 'ApiConflict')) throw error
      }
    }
  }

  #asMeant({ metadata: { uid, resourceVersion } }: StoredObject, bound: Bound): Written {
    this.#contest.asMeant(uid, markOf(bound), resourceVersion)
    return { kind: 'asMeant', bound }
  }

  /** By name in a list: roles of others that let us bind a kind give list, watch and patch, and no get. */
  async #read(resource: Resource, { namespace, name }: ObjectName, signal: AbortSignal) {
    const { items } = await this.#client.list(resource, { namespace, fieldSelector: `metadata.name=${name}` }, signal)
    return items[0]
  }
}

function markOf({ record }: Bound): string {
  return canonicalJson(Object.values(record).map(({ env }) => env))
}
