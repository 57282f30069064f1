import type { KafkaCluster } from '../contract/source.ts'
import type { StoredObject } from '../kube/client.ts'
import type { Store, StoreChange } from '../kube/store.ts'
import { clusterOfContract } from './kafka-cluster.ts'

/** What is known of the end of an Inlet or Outlet. */
export interface Deletion {
  /** Of its deletion; undefined: it went while nobody was looking. */
  readonly version: string | undefined
  readonly topic: string | undefined
  readonly cluster: KafkaCluster | undefined
}

interface Known {
  readonly generation: number | undefined
  /** The resourceVersion at which this generation was first seen. */
  readonly specVersion: string
  readonly version: string
}

/**
 * From which resourceVersion on a worker knows the present spec of an Inlet or Outlet, or its deletion. Status writes raise the
 * resourceVersion too, and a worker need not have seen those.
 */
export class ContractVersions {
  readonly #known = new Map<string, Known>()
  readonly #gone = new Map<string, Deletion>()

  /** To be made before the store has its first list. */
  constructor(store: Store) {
    for (const object of store.all()) this.#set(object)
    store.subscribe((change) => (change.kind === 'set' ? this.#set(change.object) : this.#remove(change)))
  }

  /** Undefined: it does not stand there. */
  specVersion(uid: string): string | undefined {
    return this.#known.get(uid)?.specVersion
  }

  /** Undefined: nothing is known of a deletion. */
  deletion(uid: string): Deletion | undefined {
    return this.#gone.get(uid)
  }

  /** Deletions of what used this topic. */
  deletionsOn(topic: string): readonly Deletion[] {
    return [...this.#gone.values()].filter((deletion) => deletion.topic === topic)
  }

  /** Deletions of those whose UID begins so. */
  deletionsUnder(prefix: string): ReadonlyMap<string, Deletion> {
    return new Map([...this.#gone].filter(([uid]) => uid.startsWith(prefix)))
  }

  /** As {@link forget}, of all whose UID begins so. */
  forgetUnder(prefix: string): void {
    for (const uid of this.deletionsUnder(prefix).keys()) this.#gone.delete(uid)
  }

  /** Its source is gone for good: nobody will ask any more. */
  forget(uid: string): void {
    this.#gone.delete(uid)
  }

  #set({ metadata: { name, generation, resourceVersion } }: StoredObject): void {
    const before = this.#known.get(name)
    const same = before !== undefined && before.generation === generation
    const specVersion = same ? before.specVersion : resourceVersion
    this.#known.set(name, { generation, specVersion, version: resourceVersion })
    this.#gone.delete(name)
  }

  #remove({ object }: Extract<StoreChange, { kind: 'gone' }>): void {
    const { name, resourceVersion } = object.metadata
    const spec = object['spec'] as { topic?: string } | undefined
    // A deletion found out by a new list is told with the version that we had already.
    const version = this.#known.get(name)?.version === resourceVersion ? undefined : resourceVersion
    this.#known.delete(name)
    this.#gone.set(name, { version, topic: spec?.topic, cluster: clusterOfContract(spec) })
  }
}
