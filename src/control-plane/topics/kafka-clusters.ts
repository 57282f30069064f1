import type { Clock } from '../../core/clock.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { TopicKeeper } from './topic-keeper.ts'

export interface KafkaClustersOptions {
  /** The administration of a Kafka cluster, one for each address: the caller keeps and closes them. */
  readonly admins: (bootstrapServers: string) => LogAdmin
  /** Told that one is not used any more, to close it; asked for again it is opened anew. */
  readonly letGo?: (bootstrapServers: string) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Told of topics whose state or number of partitions changed. */
  readonly changed: (bootstrapServers: string, topics: readonly string[]) => void
}

/** How long a Kafka cluster that no Broker wants is kept in mind, milliseconds: anyone may name any number of addresses, one after the other. */
const idleMs = 60_000

interface KeptCluster {
  readonly keeper: TopicKeeper
  readonly stop: AbortController
  /** Who wants a topic in it. */
  readonly owners: Set<string>
  /** Runs while nobody does. */
  timer: NodeJS.Timeout | undefined
}

/** A topic keeper for each Kafka cluster that a Broker names, made when it is first asked for, and ended a while after the last one that wanted it. */
export class KafkaClusters {
  readonly #options: KafkaClustersOptions
  readonly #clusters = new Map<string, KeptCluster>()
  readonly #wanted = new Map<string, { readonly bootstrapServers: string; readonly topic: string }>()

  constructor(options: KafkaClustersOptions) {
    this.#options = options
    const stop = (): void => this.#clusters.forEach(({ timer }) => clearTimeout(timer))
    options.signal.addEventListener('abort', stop, { once: true })
  }

  /** To be asked for each time: one that nobody wants a topic of ends after a while. */
  keeper(bootstrapServers: string): TopicKeeper {
    const cluster = this.#clusters.get(bootstrapServers) ?? this.#open(bootstrapServers)
    this.#rest(bootstrapServers, cluster)
    return cluster.keeper
  }

  #open(bootstrapServers: string): KeptCluster {
    const { admins, clock, logger, signal, changed } = this.#options
    const stop = new AbortController()
    const keeper = new TopicKeeper({
      admin: admins(bootstrapServers),
      bootstrapServers,
      clock,
      logger: logger.child({ kafka: bootstrapServers }),
      signal: AbortSignal.any([signal, stop.signal]),
      changed: (topics) => changed(bootstrapServers, topics),
    })
    const cluster: KeptCluster = { keeper, stop, owners: new Set(), timer: undefined }
    this.#clusters.set(bootstrapServers, cluster)
    return cluster
  }

  /** Ends it in a while, unless someone wants it. */
  #rest(bootstrapServers: string, cluster: KeptCluster): void {
    clearTimeout(cluster.timer)
    if (cluster.owners.size > 0 || this.#options.signal.aborted) return
    cluster.timer = setTimeout(() => {
      if (cluster.keeper.busy) return this.#rest(bootstrapServers, cluster)
      cluster.stop.abort()
      this.#clusters.delete(bootstrapServers)
      this.#options.letGo?.(bootstrapServers)
    }, idleMs)
  }

  /** From now on `owner` wants this topic and no other; see {@link TopicKeeper.want}. */
  want(owner: string, bootstrapServers: string, topic: BrokerTopic, established: boolean): TopicKeeper {
    const before = this.#wanted.get(owner)
    if (before?.bootstrapServers !== bootstrapServers || before.topic !== topic.spec.name) this.forget(owner)
    this.#wanted.set(owner, { bootstrapServers, topic: topic.spec.name })
    const cluster = this.#clusters.get(bootstrapServers) ?? this.#open(bootstrapServers)
    cluster.owners.add(owner)
    clearTimeout(cluster.timer)
    cluster.keeper.want(owner, topic, established)
    return cluster.keeper
  }

  forget(owner: string): void {
    const before = this.#wanted.get(owner)
    if (before === undefined) return
    this.#wanted.delete(owner)
    const cluster = this.#clusters.get(before.bootstrapServers)
    if (cluster === undefined) return
    cluster.keeper.forget(owner, before.topic)
    cluster.owners.delete(owner)
    this.#rest(before.bootstrapServers, cluster)
  }

  /** Whether `owner` wants a topic of that name that has been there. */
  hasMade(owner: string): boolean {
    const { bootstrapServers, topic } = this.#wanted.get(owner) ?? { bootstrapServers: '', topic: '' }
    return this.#clusters.get(bootstrapServers)?.keeper.partitions(topic) !== undefined
  }

  /** Whether the topic that `owner` wants is being made at this moment. */
  isMaking(owner: string): boolean {
    const { bootstrapServers, topic } = this.#wanted.get(owner) ?? { bootstrapServers: '', topic: '' }
    return this.#clusters.get(bootstrapServers)?.keeper.isMaking(topic) === true
  }

  /** Who wants one of these topics. */
  *owners(bootstrapServers: string, topics: ReadonlySet<string>): Iterable<string> {
    for (const [owner, wanted] of this.#wanted)
      if (wanted.bootstrapServers === bootstrapServers && topics.has(wanted.topic)) yield owner
  }
}
