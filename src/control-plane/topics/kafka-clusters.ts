import { clusterId, type KafkaCluster } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { SourceTopics, type AskedTopics, type TopicsView } from './source-topics.ts'
import { TopicKeeper } from './topic-keeper.ts'

export interface KafkaClustersOptions {
  /** The administration of a Kafka cluster, one for each: the caller keeps and closes them. */
  readonly admins: (cluster: KafkaCluster) => LogAdmin
  /** Told that one is not used any more, to close it; asked for again it is opened anew. */
  readonly letGo?: (cluster: KafkaCluster) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Told of topics whose state or number of partitions changed. */
  readonly changed: (cluster: KafkaCluster, topics: readonly string[]) => void
  /** Told of those whose {@link KafkaClusters.view} changed. */
  readonly viewed?: (owner: string) => void
}

/** How long a Kafka cluster that no Broker wants is kept in mind, milliseconds: anyone may name any number of addresses, one after the other. */
const idleMs = 60_000

interface KeptCluster {
  readonly cluster: KafkaCluster
  readonly keeper: TopicKeeper
  readonly topics: SourceTopics
  readonly stop: AbortController
  /** Who wants, or asks about, a topic in it. */
  readonly owners: Set<string>
  /** Runs while nobody does. */
  timer: NodeJS.Timeout | undefined
}

/** A topic keeper for each Kafka cluster that a Broker names (two credentials are two clusters), made when it is first asked for, and ended a while after the last one that wanted it. */
export class KafkaClusters {
  readonly #options: KafkaClustersOptions
  readonly #clusters = new Map<string, KeptCluster>()
  readonly #wanted = new Map<string, { readonly cluster: string; readonly topic: string }>()
  /** Which cluster someone asks about topics of. */
  readonly #viewing = new Map<string, string>()

  constructor(options: KafkaClustersOptions) {
    this.#options = options
    const stop = (): void => this.#clusters.forEach(({ timer }) => clearTimeout(timer))
    options.signal.addEventListener('abort', stop, { once: true })
  }

  /** To be asked for each time: one that nobody wants a topic of ends after a while. */
  keeper(cluster: KafkaCluster): TopicKeeper {
    const kept = this.#kept(cluster)
    this.#rest(kept)
    return kept.keeper
  }

  /** Those that are asked something, or may be in a moment. */
  *clusters(): Iterable<KafkaCluster> {
    for (const { cluster } of this.#clusters.values()) yield cluster
  }

  #kept(cluster: KafkaCluster): KeptCluster {
    return this.#clusters.get(clusterId(cluster)) ?? this.#open(cluster)
  }

  #open(cluster: KafkaCluster): KeptCluster {
    const { admins, clock, logger, changed, viewed } = this.#options
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#options.signal, stop.signal])
    const admin = admins(cluster)
    const keeper = new TopicKeeper({
      admin,
      bootstrapServers: cluster.bootstrapServers,
      clock,
      logger: logger.child({ kafka: cluster.bootstrapServers }),
      signal,
      changed: (topics) => changed(cluster, topics),
    })
    const topics = new SourceTopics({ admin, signal, changed: (owner) => viewed?.(owner) })
    const kept: KeptCluster = { cluster, keeper, topics, stop, owners: new Set(), timer: undefined }
    this.#clusters.set(clusterId(cluster), kept)
    return kept
  }

  /** Ends it in a while, unless someone wants it. */
  #rest(kept: KeptCluster): void {
    clearTimeout(kept.timer)
    if (kept.owners.size > 0 || this.#options.signal.aborted) return
    kept.timer = setTimeout(() => {
      if (kept.keeper.busy) return this.#rest(kept)
      kept.stop.abort()
      this.#clusters.delete(clusterId(kept.cluster))
      this.#options.letGo?.(kept.cluster)
    }, idleMs)
  }

  /** From now on `owner` wants this topic and no other; see {@link TopicKeeper.want}. */
  want(owner: string, cluster: KafkaCluster, topic: BrokerTopic, established: boolean): TopicKeeper {
    const before = this.#wanted.get(owner)
    const id = clusterId(cluster)
    if (before?.cluster !== id || before.topic !== topic.spec.name) this.forget(owner)
    this.#wanted.set(owner, { cluster: id, topic: topic.spec.name })
    const kept = this.#kept(cluster)
    kept.owners.add(owner)
    clearTimeout(kept.timer)
    kept.keeper.want(owner, topic, established)
    return kept.keeper
  }

  forget(owner: string): void {
    const before = this.#wanted.get(owner)
    if (before === undefined) return
    this.#wanted.delete(owner)
    const kept = this.#clusters.get(before.cluster)
    if (kept === undefined) return
    kept.keeper.forget(owner, before.topic)
    kept.owners.delete(owner)
    this.#rest(kept)
  }

  /** From now on `owner` asks about these topics, which are not ours, and no others; see {@link SourceTopics}. */
  view(owner: string, cluster: KafkaCluster, asked: AskedTopics): TopicsView {
    const id = clusterId(cluster)
    if (this.#viewing.get(owner) !== id) this.forgetView(owner)
    this.#viewing.set(owner, id)
    const kept = this.#kept(cluster)
    kept.owners.add(owner)
    clearTimeout(kept.timer)
    return kept.topics.want(owner, asked)
  }

  forgetView(owner: string): void {
    const kept = this.#clusters.get(this.#viewing.get(owner) ?? '')
    this.#viewing.delete(owner)
    if (kept === undefined) return
    kept.topics.forget(owner)
    kept.owners.delete(owner)
    this.#rest(kept)
  }

  /** Where the topic that `owner` wants has been; undefined: nowhere. */
  hasMade(owner: string): KafkaCluster | undefined {
    const { cluster, topic } = this.#wanted.get(owner) ?? { cluster: '', topic: '' }
    const kept = this.#clusters.get(cluster)
    return kept?.keeper.partitions(topic) === undefined ? undefined : kept.cluster
  }

  /** Whether the topic that `owner` wants is being made at this moment. */
  isMaking(owner: string): boolean {
    const { cluster, topic } = this.#wanted.get(owner) ?? { cluster: '', topic: '' }
    return this.#clusters.get(cluster)?.keeper.isMaking(topic) === true
  }

  /** Who wants one of these topics. */
  *owners(cluster: KafkaCluster, topics: ReadonlySet<string>): Iterable<string> {
    const id = clusterId(cluster)
    for (const [owner, wanted] of this.#wanted) if (wanted.cluster === id && topics.has(wanted.topic)) yield owner
  }
}
