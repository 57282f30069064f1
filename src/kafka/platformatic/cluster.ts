import { Fault } from '../../core/fault.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { SecuritySource } from '../security.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { ControlConnection } from './cluster-control.ts'
import type { Silence } from './cluster-control.ts'
import { Connections } from './connections.ts'
import { Coordinators, type CoordinatorResponse } from './coordinators.ts'
import { errorsInside } from './faults.ts'
import { parseServer, type Address } from './socket.ts'
import { understood, type PartitionLeader, type TopicMetadata } from './topic-metadata.ts'
import type { AnswerTo } from './versions.ts'

export interface ClusterOptions {
  readonly clientId: string
  /** `host:port,host:port`; an IPv6 address in brackets. */
  readonly bootstrapServers: string
  /** What to sign in with; absent: as anybody, without TLS. */
  readonly security?: SecuritySource | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Default for connections of {@link Cluster.connect}. Default 10,000 ms. */
  readonly requestTimeoutMs?: number
}

interface CachedTopic {
  /** What the cluster said last: the topic, null when there is none, or why it did not say. */
  readonly answer: TopicMetadata | Fault | null
  readonly at: number
  readonly stale: boolean
}

type MetadataResponse = AnswerTo<'metadata'>

/** As the Java client: `metadata.max.age.ms`. */
const MAX_AGE_MS = 300_000
/** A topic that does not exist, or that we may not see, is not asked for more often than this. */
const NEGATIVE_AGE_MS = 1_000
const CONNECT_TIMEOUT_MS = 5_000

/** What one process knows about one Kafka cluster: topics, leaders, coordinators, addresses. One connection, shared by all who ask. */
export class Cluster {
  readonly #options: ClusterOptions
  readonly #bootstrap: readonly Address[]
  readonly #connections: Connections
  readonly #control: ControlConnection
  readonly #brokers = new Map<number, Address>()
  readonly #topics = new Map<string, CachedTopic>()
  readonly #loading = new Map<string, Promise<void>>()
  readonly #coordinators = new Coordinators(
    (groups) => this.#findCoordinators(groups),
    (nodeId, address) => {
      if (!this.#brokers.has(nodeId)) this.#brokers.set(nodeId, address)
    },
  )
  #gathering: { names: Set<string>; done: Promise<void> } | null = null
  /** As it was answered last. */
  #id: string | undefined

  /** @throws Fault LogRefused when `bootstrapServers` cannot be read. */
  constructor(options: ClusterOptions) {
    this.#options = options
    this.#bootstrap = options.bootstrapServers.split(',').map(parseServer)
    this.#connections = new Connections(options)
    this.#control = this.#newControl()
  }

  /**
   * Cached metadata; asks the cluster when it is not cached, stale, or on `refresh`. null: the topic does not exist (remembered for a
   * second). Concurrent asks share one request.
   * @throws Fault LogUnavailable, NotAuthorized, Closed.
   */
  async topic(name: string, options?: { refresh?: boolean }): Promise<TopicMetadata | null> {
    await this.#ensure([name], options?.refresh === true)
    const answer = this.#topics.get(name)?.answer ?? null
    if (answer instanceof Fault) throw answer
    return answer
  }

  /**
   * As {@link topic} for many. Topics that do not exist or that we may not see are missing in the answer; `topic` tells which it is.
   * @throws Fault LogUnavailable, Closed.
   */
  async topics(names: readonly string[], options?: { refresh?: boolean }): Promise<ReadonlyMap<string, TopicMetadata>> {
    await this.#ensure(names, options?.refresh === true)
    const found = new Map<string, TopicMetadata>()
    for (const name of names) {
      const topic = this.cached(name)
      if (topic !== undefined) found.set(name, topic)
    }
    return found
  }

  /** What the cache knows now, fresh or stale, without asking. */
  cached(name: string): TopicMetadata | undefined {
    const answer = this.#topics.get(name)?.answer
    return answer === null || answer instanceof Fault ? undefined : answer
  }

  /** A produce or fetch answer told of a leader. Older news than ours is ignored. */
  learnLeader(topic: string, partition: number, leader: PartitionLeader): void {
    const cached = this.#topics.get(topic)
    const known = this.cached(topic)
    const current = known?.partitions[partition]
    if (cached === undefined || known === undefined || current === undefined || leader.epoch <= current.epoch) return
    this.#topics.set(topic, { ...cached, answer: { ...known, partitions: known.partitions.with(partition, leader) } })
  }

  /** The next ask for this topic goes to the cluster. */
  markStale(topic: string): void {
    const cached = this.#topics.get(topic)
    if (cached !== undefined) this.#topics.set(topic, { ...cached, stale: true })
  }

  /** Signs in on a new connection with what holds now, and asks something. @throws as {@link request}. */
  async signInAnew(): Promise<void> {
    const probe = this.#newControl()
    const ask = (connection: BrokerConnection) => connection.calls.metadata.async(connection, [], false)
    try {
      await probe.request('signing in', ask)
    } finally {
      await probe.close()
    }
  }

  /** Since when no broker has answered, as far as was asked; null: the last one asked did. */
  get silence(): Silence | null {
    return this.#control.silence
  }

  /** A broker answered on a connection of {@link connect}. */
  heard(): void {
    this.#control.heard()
  }

  /** The names of all topics that we may see, without Kafka's own. @throws as {@link topics}. */
  async topicNames(): Promise<readonly string[]> {
    // no list asks for all
    const all = null as unknown as string[]
    const response = await this.#control.request('asking for all topics', (connection) =>
      errorsInside<MetadataResponse>(connection.calls.metadata.async(connection, all, false)),
    )
    return response.topics.flatMap(({ name, isInternal }) => (name == null || isInternal ? [] : [name]))
  }

  /** Tells this cluster from any other, whatever its addresses, as far as was asked. @throws as {@link topics}. */
  async id(): Promise<string> {
    if (this.#id === undefined) await this.#load([])
    if (this.#id === undefined) throw new Fault('LogRefused', 'the cluster does not tell its id')
    return this.#id
  }

  /** The node ids of all live brokers, as the cluster says now. @throws as {@link topics}. */
  async brokers(): Promise<readonly number[]> {
    await this.#load([])
    return this.knownBrokers
  }

  /** The node ids of the brokers of the last answer. */
  get knownBrokers(): readonly number[] {
    return [...this.#brokers.keys()]
  }

  /** The brokers of the last answer. */
  hasBroker(nodeId: number): boolean {
    return this.#brokers.has(nodeId)
  }

  /**
   * A new connection of the caller's own to a broker of the metadata; who opens it closes it, and takes its heir.
   * @throws Fault LogUnavailable, AuthenticationFailed, TlsFailed, CredentialNotFound, NotAuthorized, Closed.
   */
  async connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<BrokerConnection> {
    if (!this.#brokers.has(nodeId)) await this.#load([])
    const address = this.#brokers.get(nodeId)
    if (address === undefined) throw new Fault('LogUnavailable', `the cluster has no broker ${nodeId} now`)
    const requestTimeoutMs = options?.requestTimeoutMs ?? this.#options.requestTimeoutMs ?? 10_000
    return this.#connections.open(address, { connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs })
  }

  /**
   * Asks any broker, on the shared connection. For short questions only: what waits at the broker would hold up the others.
   * @throws Fault LogUnavailable, NotAuthorized, Closed; the client library's error when Kafka answered with an error.
   */
  request<T>(context: string, ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return this.#control.request(context, ask)
  }

  /**
   * The coordinator's node of each group, cached until {@link forgetCoordinator}. A group whose coordinator is not known now (a fresh
   * cluster makes its offsets topic first) is missing in the answer; when none of the groups has one, that is a fault.
   * @throws Fault LogUnavailable, NotAuthorized, Closed.
   */
  coordinators(groups: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#coordinators.find(groups)
  }

  /** Why {@link coordinators} left this group out. */
  whyNoCoordinator(group: string): Fault {
    return this.#coordinators.whyUnknown(group)
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.forget(group)
  }

  async close(): Promise<void> {
    this.#connections.close()
    await this.#control.close()
  }

  #newControl(): ControlConnection {
    const connections = this.#connections
    return new ControlConnection({ ...this.#options, connections, servers: () => this.#servers() })
  }

  #servers(): readonly Address[] {
    const all = [...this.#brokers.values(), ...this.#bootstrap]
    return all.filter((one, i) => all.findIndex((other) => other.host === one.host && other.port === one.port) === i)
  }

  async #ensure(names: readonly string[], refresh: boolean): Promise<void> {
    const asked = refresh ? names : names.filter((name) => !this.#isFresh(name))
    if (asked.length > 0) await Promise.all(new Set(asked.map((name) => this.#ask(name))))
  }

  #isFresh(name: string): boolean {
    const cached = this.#topics.get(name)
    if (cached === undefined || cached.stale) return false
    const known = cached.answer !== null && !(cached.answer instanceof Fault)
    return this.#options.clock.monotonic() - cached.at < (known ? MAX_AGE_MS : NEGATIVE_AGE_MS)
  }

  /** Names asked for in the same turn go in one request; a name that is being asked for is not asked for again. */
  #ask(name: string): Promise<void> {
    const loading = this.#loading.get(name)
    if (loading !== undefined) return loading
    if (this.#gathering === null) {
      const names = new Set<string>()
      this.#gathering = { names, done: Promise.resolve().then(() => this.#loadGathered(names)) }
    }
    this.#gathering.names.add(name)
    this.#loading.set(name, this.#gathering.done)
    return this.#gathering.done
  }

  async #loadGathered(names: ReadonlySet<string>): Promise<void> {
    this.#gathering = null
    try {
      await this.#load([...names])
    } finally {
      for (const name of names) this.#loading.delete(name)
    }
  }

  async #load(names: string[]): Promise<void> {
    const response = await this.#control.request('asking for metadata', (connection) =>
      // with what we may do there
      errorsInside<MetadataResponse>(connection.calls.metadata.async(connection, names, false, true)),
    )
    this.#id = response.clusterId ?? undefined
    if (response.brokers.length > 0) this.#brokers.clear()
    for (const { nodeId, host, port } of response.brokers) this.#brokers.set(nodeId, { host, port })
    const at = this.#options.clock.monotonic()
    for (const topic of response.topics) {
      if (topic.name)
        this.#topics.set(topic.name, { answer: understood(topic, this.cached(topic.name)), at, stale: false })
    }
  }

  #findCoordinators(groups: string[]): Promise<CoordinatorResponse> {
    return this.#control.request('asking for group coordinators', (connection) =>
      errorsInside<CoordinatorResponse>(connection.calls.findCoordinator.async(connection, 0 /* groups */, groups)),
    )
  }
}
