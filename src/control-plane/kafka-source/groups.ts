import { serversOf } from '../../api/kafka-source.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { keyOf, nameOf } from '../../kube/store.ts'
import { clusterIn } from '../kafka-cluster.ts'
import { NameIndex, type Claimant } from '../name-index.ts'
import { sourceGroup } from '../names.ts'
import { parsedKafkaSource } from '../parsed.ts'
import { statusOf } from '../status-of.ts'
import { groupOfSource, sourceInUse, toldTopics } from './in-use.ts'

/**
 * Who has which consumer group for which topic of which Kafka. Positions are kept by group and topic, so two KafkaSources may share a group for different
 * topics. What one reads it has; of all else it merely asks for it, and the first of those who ask comes first.
 */
export class SourceGroups {
  readonly #index = new NameIndex()
  /** By UID: as it stands, and the topics that were found for it, read or not. */
  readonly #sources = new Map<string, { readonly object: StoredObject; readonly found: readonly string[] }>()

  /** It is so now. Returns the others that this concerns. */
  stored(object: StoredObject): readonly ObjectName[] {
    return this.#put(object, this.#sources.get(object.metadata.uid)?.found ?? [])
  }

  /** These are the topics that it means now, where it still stands: no Outlet of one is to be made before it is clear whose that is. */
  found(uid: string, topics: readonly string[]): void {
    const standing = this.#sources.get(uid)
    if (standing !== undefined) this.#put(standing.object, topics)
  }

  /** Returns the others that this concerns. */
  gone(uid: string): readonly ObjectName[] {
    this.#sources.delete(uid)
    return [...this.#index.set(uid, undefined), ...this.#index.set(wantedUid(uid), undefined)]
  }

  /** Who has the group of this KafkaSource already, for one of its topics; null: nobody else. */
  takenBy(uid: string): ObjectName | null {
    return this.#index.takenBy(uid) ?? this.#index.takenBy(wantedUid(uid))
  }

  #put(object: StoredObject, found: readonly string[]): readonly ObjectName[] {
    const { uid } = object.metadata
    this.#sources.set(uid, { object, found })
    const { held, wanted } = claimsOf(object, found)
    const own = keyOf(nameOf(object))
    const others = [...this.#index.set(uid, held), ...this.#index.set(wanted.uid, wanted)]
    return others.filter((key) => keyOf(key) !== own)
  }
}

/** An index knows a claimant as one who holds all of its names or none. */
function wantedUid(uid: string): string {
  return `${uid} wanted`
}

function claimsOf(
  object: StoredObject,
  found: readonly string[],
): { readonly held: Claimant; readonly wanted: Claimant } {
  const { uid, creationTimestamp = '' } = object.metadata
  const group = groupOfSource(object)
  const { annotations = {} } = statusOf(object)
  const told = annotations[sourceInUse.group] === group ? toldTopics(object) : []
  const held = namesOf(clusterIn(annotations)?.bootstrapServers, group, told)
  const spec = parsedKafkaSource(object).value?.spec
  const wanted = spec === undefined ? [] : namesOf(serversOf(spec), group, [...(spec.topics ?? []), ...told, ...found])
  const claimant = {
    key: nameOf(object),
    createdAt: creationTimestamp,
    derived: group === sourceGroup(uid),
    shares: false,
  }
  return {
    held: { ...claimant, uid, names: held, holds: true },
    wanted: { ...claimant, uid: wantedUid(uid), names: wanted.filter((name) => !held.includes(name)), holds: false },
  }
}

function namesOf(servers: string | undefined, group: string, topics: readonly string[]): readonly string[] {
  if (servers === undefined) return []
  const cluster = servers.split(',').toSorted().join(',')
  return Array.from(new Set(topics), (topic) => `${cluster} ${group} ${topic}`)
}
