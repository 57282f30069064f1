import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import { AdminRetry } from '../../admin-retry.ts'
import type { LogAdmin, TopicDescription } from '../../log.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { Cluster } from '../cluster.ts'
import { toFault } from '../faults.ts'
import { BrokerLinks } from '../read/broker-links.ts'
import { configResource, readConfig } from './configs.ts'
import { GroupDescriptions, type GroupDescription } from './describe-groups.ts'

interface QuestionsOptions {
  readonly clock: Clock
  readonly logger: Logger
}

/** The part of the administration that changes nothing. */
export type AdminQuestions = Pick<
  LogAdmin,
  'describeTopics' | 'clusterId' | 'listTopics' | 'describeGroup' | 'positionRetentionMs' | 'close'
>

/** Of a topic that we may read and write, but not look into (ACL DescribeConfigs): Kafka's default. */
const DEFAULT_LIMIT = 1_048_588
const POSITION_RETENTION = 'offsets.retention.minutes'
/** A broker that is silent for so long counts as hanging, milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000

/**
 * Questions about topics and groups, over the connections of the event path: who only asks needs no second client library. Whatever the
 * number of topics, they are described by one Metadata and one DescribeConfigs request.
 */
export function createQuestions(cluster: Cluster, options: QuestionsOptions): AdminQuestions {
  return new KafkaQuestions(cluster, options)
}

class KafkaQuestions implements AdminQuestions {
  readonly #cluster: Cluster
  readonly #links: BrokerLinks
  readonly #groups: GroupDescriptions
  readonly #retry: AdminRetry
  /** Which broker is asked: another one after a failure. */
  #turn = 0

  constructor(cluster: Cluster, { clock, logger }: QuestionsOptions) {
    this.#cluster = cluster
    this.#links = new BrokerLinks(cluster, REQUEST_TIMEOUT_MS, 'at once')
    this.#groups = new GroupDescriptions(cluster, this.#links)
    this.#retry = new AdminRetry({ clock, logger, toFault: sentence })
  }

  async describeTopics(names: readonly string[], signal?: AbortSignal): Promise<readonly TopicDescription[]> {
    const wanted = [...new Set(names)]
    if (wanted.length === 0) return []
    return this.#retry.run('describing topics', signal, () => this.#describe(wanted))
  }

  clusterId(signal?: AbortSignal): Promise<string> {
    return this.#retry.run('asking for the id of the cluster', signal, () => this.#cluster.id())
  }

  listTopics(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#retry.run('listing topics', signal, () => this.#cluster.topicNames())
  }

  describeGroup(group: string, signal?: AbortSignal): Promise<GroupDescription> {
    return this.#retry.run(`describing group ${group}`, signal, () => this.#groups.of(group))
  }

  positionRetentionMs(signal?: AbortSignal): Promise<number | null> {
    return this.#retry.run('reading how long positions are kept', signal, () => this.#positionRetentionMs())
  }

  async close(): Promise<void> {
    this.#retry.close()
    this.#links.close()
  }

  async #describe(names: readonly string[]): Promise<readonly TopicDescription[]> {
    const found = await this.#cluster.topics(names, { refresh: true })
    // from the cache; it throws where we were not told whether there is one
    for (const name of names) if (!found.has(name)) await this.#cluster.topic(name)
    if (found.size === 0) return []
    const limits = await this.#askAny((connection) =>
      readConfig(connection, configResource.topic, [...found.keys()], 'max.message.bytes'),
    )
    return Array.from(limits, ([name, limit]) => {
      const { id = '', partitions = [], mayWrite = true } = found.get(name) ?? {}
      return {
        name,
        id,
        partitions: partitions.length,
        maxMessageBytes: limit instanceof Fault ? DEFAULT_LIMIT : Number(limit),
        mayWrite,
      }
    })
  }

  /** Of thousands of topics a busy broker tells slowly: too slowly for the connection that the event path shares. */
  async #askAny<T>(request: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const brokers = this.#cluster.knownBrokers
    const nodeId = brokers[this.#turn % brokers.length] ?? -1
    try {
      return await this.#links.ask(nodeId, request)
    } catch (error) {
      this.#turn++
      throw error
    }
  }

  /** While brokers are restarted with another value they differ, and each counts for the groups that it coordinates. */
  async #positionRetentionMs(): Promise<number> {
    const brokers = await this.#cluster.brokers()
    const answers = await Promise.all(
      brokers.map((nodeId) =>
        this.#links.ask(nodeId, (connection) =>
          readConfig(connection, configResource.broker, [String(nodeId)], POSITION_RETENTION),
        ),
      ),
    )
    const values = answers.map((one, i) => one.get(String(brokers[i])))
    const refused = values.find((value) => value instanceof Fault)
    if (refused !== undefined) throw refused
    const minutes = values.map(Number)
    const least = Math.min(...minutes)
    if (!(least > 0)) throw new Fault('LogRefused', `the brokers do not tell their ${POSITION_RETENTION}.`)
    return least * 60_000
  }
}

/** The administration speaks to people: in sentences. */
function sentence(error: unknown, what: string): Fault {
  const { code, message, details } = toFault(error, what)
  const whole = message.startsWith(what) ? message : `${what}: ${message}`
  return new Fault(code, /[.!?]$/.test(whole) ? whole : `${whole}.`, { cause: error, details })
}
