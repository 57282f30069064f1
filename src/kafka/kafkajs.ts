import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as KafkaJs from 'kafkajs'
import type { Admin, ITopicMetadata, Kafka as KafkaClient } from 'kafkajs'
import { retryBackoffMs } from '../core/backoff.ts'
import { inTime } from '../core/deadline.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'
import { groupErrorCode, toFault, unless } from './kafkajs-faults.ts'
import type { LogAdmin, TopicDescription, TopicSpec } from './log.ts'
import { SharedAnswer } from './shared-answer.ts'

/** Loaded with the first administration, not with this file: a worker that never administers saves its 17 MB. */
const require = createRequire(import.meta.url)
const kafkajs = (): typeof KafkaJs => require('kafkajs') as typeof KafkaJs

/** How to administer a Kafka. */
export interface KafkaAdminOptions {
  /** `host:port`, several separated by commas. */
  readonly bootstrapServers: string
  readonly clientId: string
  readonly logger: Logger
  /**
   * The topics as the event path sees them now; those missing are missing. It tells their ids, of which kafkajs' protocol versions know
   * nothing ('' without this), and lets a topic be made, or gone, only when the event path knows too.
   */
  readonly topics?: (names: readonly string[]) => Promise<ReadonlyMap<string, { readonly id: string }>>
}

const TIMEOUT_MS = 30_000
/** One attempt hears nothing for so long: the next may ask another broker. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 3_000
const CLOSE_MS = 1_000
/** KIP-848 groups are not shown by the old DescribeGroups, but listed. */
const CONSUMER_PROTOCOL = 'consumer'
const NON_EMPTY_GROUP = 68
const GROUP_ID_NOT_FOUND = 69
const POSITION_RETENTION = 'offsets.retention.minutes'

/**
 * Administration on kafkajs. It connects with the first call, so a Kafka that is away fails no constructor.
 *
 *     call ─► attempt on a session ─► answer
 *               ▲        │ transient fault: the session is thrown away, backoff, until the signal or 30 s
 *               └────────┘
 */
export function createKafkaAdmin(options: KafkaAdminOptions): LogAdmin {
  return new KafkaAdmin(options)
}

class KafkaAdmin implements LogAdmin {
  readonly #options: KafkaAdminOptions
  readonly #kafka: KafkaClient
  readonly #closing = new AbortController()
  #session: Promise<Admin> | undefined
  readonly #consumerGroups = new SharedAnswer(async () => {
    const { groups } = await (await this.#connected()).listGroups()
    const consumers = groups.filter(({ protocolType }) => protocolType === CONSUMER_PROTOCOL)
    return new Set(consumers.map(({ groupId }) => groupId))
  })

  constructor(options: KafkaAdminOptions) {
    avoidNegativeTimeouts()
    const { Kafka, logLevel } = kafkajs()
    this.#options = options
    this.#kafka = new Kafka({
      clientId: options.clientId,
      brokers: options.bootstrapServers.split(',').map((server) => server.trim()),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Ours is the only retry: kafkajs gives up on a refused connection, and takes 7 s to say that a topic is missing.
      retry: { retries: 0 },
      logLevel: logLevel.WARN,
      logCreator:
        () =>
        ({ namespace, log }) =>
          options.logger.debug({ kafkajs: namespace, error: log['error'] as unknown }, log.message),
    })
  }

  async ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<'created' | 'exists'> {
    const configEntries = Object.entries(spec.config).map(([name, value]) => ({ name, value }))
    const { name: topic, partitions: numPartitions, replicationFactor } = spec
    const topics = [{ topic, numPartitions, replicationFactor, configEntries }]
    let created = false
    return this.#retry(`topic ${topic}`, signal, async (admin) => {
      created = (await admin.createTopics({ topics, waitForLeaders: false })) || created
      const found = await topicMetadata(admin, topic)
      if (found === undefined || found.partitions.length === 0 || found.partitions.some(({ leader }) => leader < 0)) {
        throw new Fault('LogUnavailable', `topic ${topic} has no leaders yet.`)
      }
      if (!(await this.#isSeen(topic, true))) throw new Fault('LogUnavailable', `topic ${topic} is being made.`)
      return created ? 'created' : 'exists'
    })
  }

  describeTopics(names: readonly string[], signal?: AbortSignal): Promise<readonly TopicDescription[]> {
    const wanted = [...new Set(names)]
    if (wanted.length === 0) return Promise.resolve([])
    return this.#retry('describing topics', signal, async (admin) => {
      const answers = await Promise.all(wanted.map((name) => topicMetadata(admin, name)))
      const found = answers.filter((topic) => topic !== undefined)
      if (found.length === 0) return []
      const limits = await maxMessageBytes(admin, found)
      const known = await this.#options.topics?.(found.map(({ name }) => name))
      return found.map(({ name, partitions }) => ({
        name,
        id: known?.get(name)?.id ?? '',
        partitions: partitions.length,
        maxMessageBytes: limits.get(name) ?? 0,
      }))
    })
  }

  deleteTopic(name: string, signal?: AbortSignal): Promise<void> {
    return this.#retry(`deleting topic ${name}`, signal, async (admin) => {
      await admin.deleteTopics({ topics: [name] }).catch(unless('UNKNOWN_TOPIC_OR_PARTITION'))
      if ((await topicMetadata(admin, name)) !== undefined || (await this.#isSeen(name, false))) {
        throw new Fault('LogUnavailable', `topic ${name} is being deleted.`)
      }
    })
  }

  deleteGroup(group: string, signal?: AbortSignal): Promise<void> {
    return this.#retry(`deleting group ${group}`, signal, async (admin) => {
      try {
        await admin.deleteGroups([group])
      } catch (error) {
        const code = groupErrorCode(error)
        if (code === GROUP_ID_NOT_FOUND) return
        if (code === NON_EMPTY_GROUP) {
          throw new Fault('GroupInUse', `group ${group} has live members.`, { cause: error })
        }
        throw error
      }
    })
  }

  describeGroup(
    group: string,
    signal?: AbortSignal,
  ): Promise<{ kind: 'missing' | 'simple' | 'consumer'; liveMembers: number }> {
    return this.#retry(`describing group ${group}`, signal, async (admin) => {
      const { groups } = await admin.describeGroups([group])
      const found = groups.find(({ groupId }) => groupId === group)
      const error = (found as { errorCode?: number } | undefined)?.errorCode ?? 0
      if (found === undefined || error === GROUP_ID_NOT_FOUND || found.state === 'Dead') return this.#hidden(group)
      return { kind: found.protocolType === '' ? 'simple' : 'consumer', liveMembers: found.members.length }
    })
  }

  positionRetentionMs(signal?: AbortSignal): Promise<number | null> {
    return this.#retry('reading how long positions are kept', signal, positionRetentionMs)
  }

  async close(): Promise<void> {
    this.#closing.abort(new Fault('Closed', 'The administration of Kafka was closed.'))
    // kafkajs waits for what is in flight, which a broker that hangs never answers.
    await inTime(this.#endSession(), { ms: CLOSE_MS })
  }

  /** Runs `work` until it is answered. @throws Fault as the catalogue says, also when the signal is a timeout; any other reason of the signal; Closed. */
  async #retry<T>(what: string, signal: AbortSignal | undefined, work: (admin: Admin) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal
    const stop = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS), ...(signal === undefined ? [] : [signal])])
    let last: Fault | undefined
    for (let attempt = 1; ; attempt += 1) {
      if (stop.aborted) throw reasonToStop(stop, what, last)
      try {
        const outcome = await inTime(this.#connected().then(work), { signal: stop })
        if (!outcome.late) return outcome.value
      } catch (error) {
        last = toFault(error, what)
        if (last.code !== 'LogUnavailable') throw last
        this.#options.logger.debug({ attempt, error: last.message }, 'administration of Kafka failed; trying again')
        // A fault of ours came from a broker that answers; other errors may have left the session half dead.
        if (!(error instanceof Fault)) void this.#endSession()
        await sleep(retryBackoffMs(attempt, { capMs: 2_000 }), undefined, { signal: stop }).catch(() => undefined)
      }
    }
  }

  /**
   * A group that DescribeGroups does not show: missing, or of the newer protocol (KIP-848), of which kafkajs can tell nothing but that it is
   * there. Its live members are then not known and given as 0: a commit is refused all the same while there are any. Each new Outlet's group
   * is missing at first, so that ten thousand of them ask for ten thousand groups: together.
   */
  async #hidden(group: string): Promise<{ kind: 'missing' | 'consumer'; liveMembers: number }> {
    return { kind: (await this.#consumerGroups.get()).has(group) ? 'consumer' : 'missing', liveMembers: 0 }
  }

  /** Whether the event path sees a topic; `unknown` when nobody told us how to ask. */
  async #isSeen(topic: string, unknown: boolean): Promise<boolean> {
    return (await this.#options.topics?.([topic]))?.has(topic) ?? unknown
  }

  #connected(): Promise<Admin> {
    this.#session ??= this.#connect()
    return this.#session
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin()
    await admin.connect()
    // Some calls of kafkajs do not ask for the brokers by themselves.
    await admin.describeCluster()
    return admin
  }

  async #endSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    try {
      await (await session)?.disconnect()
    } catch {
      // It never connected, or is gone already: that is what we want.
    }
  }
}

/** undefined: there is no such topic. */
async function topicMetadata(admin: Admin, name: string): Promise<ITopicMetadata | undefined> {
  const answer = await admin.fetchTopicMetadata({ topics: [name] }).catch(unless('UNKNOWN_TOPIC_OR_PARTITION'))
  return answer?.topics.find((topic) => topic.name === name)
}

async function maxMessageBytes(admin: Admin, topics: readonly ITopicMetadata[]): Promise<ReadonlyMap<string, number>> {
  const type = kafkajs().ConfigResourceTypes.TOPIC
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ name }) => ({ type, name, configNames: ['max.message.bytes'] })),
  })
  return new Map(
    resources.map(({ resourceName, configEntries }) => [resourceName, Number(configEntries[0]?.configValue)]),
  )
}

/** While brokers are restarted with another value they differ, and each counts for the groups that it coordinates. */
async function positionRetentionMs(admin: Admin): Promise<number> {
  const { brokers } = await admin.describeCluster()
  const type = kafkajs().ConfigResourceTypes.BROKER
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: brokers.map(({ nodeId }) => ({ type, name: String(nodeId), configNames: [POSITION_RETENTION] })),
  })
  const minutes = resources.map(({ configEntries }) => Number(configEntries[0]?.configValue))
  const least = Math.min(...minutes)
  if (!(least > 0)) throw new Fault('LogRefused', `the brokers do not tell their ${POSITION_RETENTION}.`)
  return least * 60_000
}

/** Out of time, the caller's or ours: what went wrong last says more than that. Otherwise whoever stopped us says why. */
function reasonToStop(stop: AbortSignal, what: string, last: Fault | undefined): Error {
  const reason = stop.reason as Error
  if (reason.name !== 'TimeoutError') return reason
  return last ?? new Fault('LogUnavailable', `${what}: Kafka did not answer in time.`, { cause: reason })
}

/**
 * kafkajs 2.2.4 starts a timer with a negative time for each idle connection, which Node 24 answers with a warning. There is nothing
 * to look after then, so such a timer is not started.
 */
function avoidNegativeTimeouts(): void {
  const queue = (require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue }).prototype
  if (Object.hasOwn(queue.scheduleCheckPendingRequests, PATCHED)) return
  const original = queue.scheduleCheckPendingRequests
  const patched = function (this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) original.call(this)
  }
  queue.scheduleCheckPendingRequests = Object.assign(patched, { [PATCHED]: true })
}

const PATCHED = Symbol('patched')

interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests: () => void
}
