import type { Accepted } from '../../../contract/lineage.ts'
import { brokerTopic } from '../../../control-plane/names.ts'
import type { Spot } from './ask.ts'
import type { TraceFlags } from './flags.ts'
import type { KnownTopic, Way } from './way.ts'

type ScopeFlags = Pick<TraceFlags, 'broker' | 'topic' | 'namespace' | 'source'>

/** Which topics are meant: what the flags say, and what there is. */
export class Scope {
  readonly #flags: ScopeFlags
  readonly #way: Pick<Way, 'topics' | 'namespace'>

  constructor(flags: ScopeFlags, way: Pick<Way, 'topics' | 'namespace'>) {
    this.#flags = flags
    this.#way = way
  }

  /** Whether an event at this place is meant. @param inlet by which it came, where that is known */
  holds(topic: string, inlet: Accepted['inlet'] | undefined): boolean {
    const { topic: only, broker, namespace } = this.#flags
    if (only !== undefined) return topic === only
    if (broker === undefined && namespace === undefined) return true
    if (inlet !== undefined) return this.#isMeant(inlet)
    const owners = this.#way.topics.filter((each) => each.topic === topic)
    return owners.length === 0 ? broker === undefined : owners.some((owner) => this.#isMeant(owner))
  }

  /** Where Kafka is searched: the topic that is named, else those of Brokers. */
  toSearch(): readonly Pick<KnownTopic, 'topic' | 'cluster'>[] {
    const { topic, broker, namespace = this.#way.namespace } = this.#flags
    if (topic !== undefined) return this.clustersOf(topic).map((cluster) => ({ topic, ...cluster }))
    const brokers = this.#way.topics.filter(({ kind }) => kind === 'Broker')
    const meant = brokers.filter((each) => {
      return (namespace === null || each.namespace === namespace) && (broker === undefined || each.name === broker)
    })
    if (meant.length > 0 || broker === undefined) return meant
    return [{ topic: brokerTopic({ kind: 'Broker', namespace: namespace ?? 'default', name: broker }) }]
  }

  /** Where a record of a place may stand: topics of the same name may be in several clusters. */
  spotsAt(place: Spot['place']): readonly Spot[] {
    return this.clustersOf(place.topic).map((cluster) => ({ place, ...cluster }))
  }

  /** Events of records that are none have an id that says where they stand. */
  placesIn(id: string): readonly Spot['place'][] {
    const [, partition, offset] = /^partition:(\d{1,9})\/offset:(\d{1,15})$/.exec(id) ?? []
    if (partition === undefined || offset === undefined) return []
    const named = this.#flags.topic ?? /^\/apis\/v1\/.*#(.+)$/.exec(this.#flags.source ?? '')?.[1]
    const read = this.#way.topics.filter((each) => each.kind === 'KafkaSource' && this.#isMeant(each))
    const topics = named === undefined ? read.map(({ topic }) => topic) : [named]
    return [...new Set(topics)].map((topic) => ({ topic, partition: Number(partition), offset: Number(offset) }))
  }

  clustersOf(topic: string): readonly { readonly cluster?: string }[] {
    const known = this.#way.topics.filter((each) => each.topic === topic).flatMap(({ cluster }) => cluster ?? [])
    return known.length === 0 ? [{}] : [...new Set(known)].map((cluster) => ({ cluster }))
  }

  #isMeant({ kind, namespace, name }: Pick<KnownTopic, 'kind' | 'namespace' | 'name'>): boolean {
    const { broker, namespace: only } = this.#flags
    const named = broker === undefined || (kind === 'Broker' && name === broker)
    return named && (only === undefined || namespace === only)
  }
}
