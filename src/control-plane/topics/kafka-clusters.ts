import type { Clock } from '../../core/clock.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { TopicKeeper } from './topic-keeper.ts'

export interface KafkaClustersOptions {
  /** The administration of a Kafka cluster, one for each address: the caller keeps and closes them. */
  readonly admins: (bootstrapServers: string) => LogAdmin
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Told of topics whose state or number of partitions changed. */
  readonly changed: (bootstrapServers: string, topics: readonly string[]) => void
}

/** A topic keeper for each Kafka cluster that a Broker names, made when it is first asked for. */
export class KafkaClusters {
  readonly #options: KafkaClustersOptions
  readonly #keepers = new Map<string, TopicKeeper>()
  readonly #wanted = new Map<string, { readonly bootstrapServers: string; readonly topic: string }>()

  constructor(options: KafkaClustersOptions) {
    this.#options = options
  }

  keeper(bootstrapServers: string): TopicKeeper {
    const known = this.#keepers.get(bootstrapServers)
    if (known !== undefined) return known
    const { admins, clock, logger, signal, changed } = this.#options
    const keeper = new TopicKeeper({
      admin: admins(bootstrapServers),
      bootstrapServers,
      clock,
      logger: logger.child({ kafka: bootstrapServers }),
      signal,
      changed: (topics) => changed(bootstrapServers, topics),
    })
    this.#keepers.set(bootstrapServers, keeper)
    return keeper
  }

  /** From now on `owner` wants this topic and no other; see {@link TopicKeeper.want}. */
  want(owner: string, bootstrapServers: string, topic: BrokerTopic, established: boolean): TopicKeeper {
    const before = this.#wanted.get(owner)
    if (before?.bootstrapServers !== bootstrapServers || before.topic !== topic.spec.name) this.forget(owner)
    this.#wanted.set(owner, { bootstrapServers, topic: topic.spec.name })
    const keeper = this.keeper(bootstrapServers)
    keeper.want(owner, topic, established)
    return keeper
  }

  forget(owner: string): void {
    const before = this.#wanted.get(owner)
    if (before === undefined) return
    this.#wanted.delete(owner)
    this.#keepers.get(before.bootstrapServers)?.forget(owner, before.topic)
  }

  /** Whether `owner` wants a topic of that name that has been there. */
  hasMade(owner: string): boolean {
    const { bootstrapServers, topic } = this.#wanted.get(owner) ?? { bootstrapServers: '', topic: '' }
    return this.#keepers.get(bootstrapServers)?.partitions(topic) !== undefined
  }

  /** Whether the topic that `owner` wants is being made at this moment. */
  isMaking(owner: string): boolean {
    const { bootstrapServers, topic } = this.#wanted.get(owner) ?? { bootstrapServers: '', topic: '' }
    return this.#keepers.get(bootstrapServers)?.isMaking(topic) === true
  }

  /** Who wants one of these topics. */
  *owners(bootstrapServers: string, topics: ReadonlySet<string>): Iterable<string> {
    for (const [owner, wanted] of this.#wanted)
      if (wanted.bootstrapServers === bootstrapServers && topics.has(wanted.topic)) yield owner
  }
}
