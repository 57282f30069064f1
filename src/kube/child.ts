import { createHash } from 'node:crypto'
import { versionOfNone, type KubeClient, type KubeObject, type Resource, type StoredObject } from './client.ts'
import { contains } from './contains.ts'
import { canonicalJson } from './equal.ts'
import { isFault } from './faults.ts'
import { meaningOf } from './meaning.ts'
import { nameOf, type Store } from './store.ts'

/** Who made it. What does not carry this was made by someone else, and stays as it is. */
export const managedBy = { 'app.kubernetes.io/managed-by': 'millrace' } as const

/** What we meant when we wrote it last: tells fields that we no longer mean from those that others added. */
const hashAnnotation = 'millrace.dev/applied-hash'

/**
 * Of children that the API server stores in another way than we write them (`1000m` becomes `1`), by store and uid: what became of which
 * meaning. Applying that anew would be a write each time, as the API server takes it for a change (tried on 1.35). Only a memory of answers:
 * losing it costs one more apply.
 */
const answers = new WeakMap<Store, Map<string, { readonly hash: string; readonly shape: string }>>()

/** What changes between each look and the write is left for the next reconcile. */
const maxLooks = 3

interface ChildOptions {
  readonly client: KubeClient
  /** Of the kind, with all fields that may be meant. */
  readonly store: Store
  /** Labels that each child gets, besides {@link managedBy}. */
  readonly owner: { readonly labels: Readonly<Record<string, string>> }
  readonly fieldManager: string
  readonly signal: AbortSignal
  /**
   * The store holds each object of its kind where children may be, and nobody but us can make one there: what it has not is written without a look,
   * over whatever may be there.
   */
  readonly storeIsWhole?: boolean
  /**
   * What is written when there is something to write: `meant`, and fields whose value others decide, repeated from what is there (null: nothing is),
   * such as the replicas that an autoscaler chose. Such fields are neither compared nor hashed, so they are no reason to write.
   */
  readonly complete?: (meant: KubeObject, live: StoredObject | null) => KubeObject
}

/**
 *     in the store as we mean it? ── yes: no request
 *       │ no
 *       ▼
 *     read it ◄──────────────────────────── it is another one by now
 *       │ ours, or not there  └── not ours: leave it alone ▲
 *       ▼                                                  │
 *     server-side apply of what we mean, over what was read and nothing else; fields that we no longer mean go
 *
 * `desired` has the fields that we mean and no other. unchanged: no write was made; one that is being deleted is left to go, too.
 * @throws what the API server says.
 */
export async function applyChild(
  options: ChildOptions,
  resource: Resource,
  desired: KubeObject,
): Promise<'unchanged' | 'applied' | 'notOurs'> {
  const { client, store, fieldManager, signal } = options
  const meant = marked(desired, options.owner.labels)
  const cached = store.get(nameOf(desired))
  const known = cached === undefined ? undefined : verdictOf(store, cached, meant)
  if (known === 'unchanged') return known
  const whole = options.storeIsWhole === true && store.synced && cached === undefined
  for (let looks = 1; ; looks += 1) {
    // The cache may be behind, or may not hold what is not ours: look before we touch.
    const live = whole ? null : await client.get(resource, nameOf(desired), signal)
    const verdict = live === null ? 'differs' : verdictOf(store, live, meant)
    if (verdict !== 'differs') return verdict
    const written = options.complete?.(meant, live) ?? meant
    try {
      const answer = await client.apply(resource, whole ? written : over(live, written), fieldManager, signal)
      remember(store, answer, meant)
      return 'applied'
    } catch (error) {
      if (looks === maxLooks || !isFault(error, 'ApiConflict')) throw error
    }
  }
}

/** Applied by force an object of someone else would be ours, had it been made after we looked: so only what we saw is written over. */
function over(live: StoredObject | null, object: KubeObject): KubeObject {
  const resourceVersion = live?.metadata.resourceVersion ?? versionOfNone
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}

function verdictOf(store: Store, live: StoredObject, meant: KubeObject): 'unchanged' | 'notOurs' | 'differs' {
  const { labels, deletionTimestamp, uid } = live.metadata
  if (!contains(labels, managedBy)) return 'notOurs'
  // Applying would bring nothing back. Its end changes the store, and the next one is made.
  if (deletionTimestamp !== undefined || contains(live, meant)) return 'unchanged'
  const known = answers.get(store)?.get(uid)
  return known?.hash === hashOf(meant) && known.shape === canonicalJson(meaningOf(live)) ? 'unchanged' : 'differs'
}

function remember(store: Store, answer: StoredObject, meant: KubeObject): void {
  const known = answers.get(store) ?? new Map<string, { hash: string; shape: string }>()
  answers.set(store, known)
  if (contains(answer, meant)) known.delete(answer.metadata.uid)
  else known.set(answer.metadata.uid, { hash: hashOf(meant), shape: canonicalJson(meaningOf(answer)) })
}

function hashOf({ metadata }: KubeObject): string {
  return metadata.annotations?.[hashAnnotation] ?? ''
}

/** With our labels, and the hash of all that is meant. */
function marked(desired: KubeObject, owner: Readonly<Record<string, string>>): KubeObject {
  const labels = { ...desired.metadata.labels, ...owner, ...managedBy }
  const labelled = { ...desired, metadata: { ...desired.metadata, labels } }
  const hash = createHash('sha256').update(canonicalJson(labelled)).digest('hex').slice(0, 16)
  const annotations = { ...desired.metadata.annotations, [hashAnnotation]: hash }
  return { ...labelled, metadata: { ...labelled.metadata, annotations } }
}
