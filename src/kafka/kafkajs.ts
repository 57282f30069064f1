import { createRequire } from 'node:module'
import type * as KafkaJs from 'kafkajs'
import type { Admin, ISocketFactory, ITopicConfig, ITopicMetadata, Kafka as KafkaClient } from 'kafkajs'
import type { Clock } from '../core/clock.ts'
import { inTime } from '../core/deadline.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'
import { AdminRetry } from './admin-retry.ts'
import { authorizationError, groupErrorCode, toFault, unless } from './kafkajs-faults.ts'
import { kafkaJsMechanism, openTlsSocket } from './kafkajs-security.ts'
import type { LogAdmin, TopicSpec } from './log.ts'
import type { KafkaSecurity, SecuritySource } from './security.ts'
import { notAuthorized, type AclOperation, type AclResource } from './signing-in/access.ts'

/** Loaded with the first change, not with this file: a worker that changes nothing saves its 17 MB. */
const require = createRequire(import.meta.url)
const kafkajs = (): typeof KafkaJs => require('kafkajs') as typeof KafkaJs

/** How to administer a Kafka. */
export interface KafkaAdminOptions {
  /** `host:port`, several separated by commas. */
  readonly bootstrapServers: string
  readonly clientId: string
  readonly security?: SecuritySource | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Whether the event path sees a topic now: it is made, or gone, only when that knows too. */
  isSeen(topic: string): Promise<boolean>
  /** Signs in on the event path, which says better than kafkajs why it cannot. @throws Fault */
  signIn(): Promise<void>
}

/** One attempt hears nothing for so long: the next may ask another broker. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 3_000
const CLOSE_MS = 1_000
/** So long before a session ends kafkajs signs in again. By default it is 10 s: for shorter sessions more often than the once a second that Kafka allows. */
const REAUTHENTICATE_MS = 1_000
const NON_EMPTY_GROUP = 68
const GROUP_ID_NOT_FOUND = 69

interface Session {
  readonly admin: Promise<Admin>
  /** Calls under way. */
  users: number
  /** The credential has changed: it ends with the last of them. */
  isOver: boolean
}

/** The part of the administration that changes something. */
export type AdminChanges = Pick<LogAdmin, 'ensureTopic' | 'deleteTopic' | 'deleteGroup' | 'close'>

/**
 * Changes of topics and groups, on kafkajs. It connects with the first call, so a Kafka that is away fails no constructor.
 *
 *     call ─► attempt on a session ─► answer
 *               ▲        │ transient fault: the session is thrown away, backoff, until the signal or 30 s
 *               └────────┘
 *
 * A session has one credential. After a change the next call begins another one; what is under way is answered on the old one.
 */
export function createChanges(options: KafkaAdminOptions): AdminChanges {
  return new KafkaChanges(options)
}

class KafkaChanges implements AdminChanges {
  readonly #options: KafkaAdminOptions
  readonly #retry: AdminRetry
  readonly #unsubscribe: () => void
  #session: Session | undefined

  constructor(options: KafkaAdminOptions) {
    this.#options = options
    this.#unsubscribe = options.security?.subscribe(() => this.#leaveSession()) ?? (() => {})
    const failed = (): void => void this.#endSession()
    this.#retry = new AdminRetry({ ...options, toFault, failed })
  }

  async ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<'created' | 'exists'> {
    const configEntries = Object.entries(spec.config).map(([name, value]) => ({ name, value }))
    const { name: topic, partitions: numPartitions, replicationFactor } = spec
    const topics = [{ topic, numPartitions, replicationFactor, configEntries }]
    let created = false
    return this.#run(`topic ${topic}`, ['Create', 'topic', topic], signal, async (admin) => {
      created = (await this.#create(admin, topics)) || created
      const found = await topicMetadata(admin, topic)
      if (found === undefined || found.partitions.length === 0 || found.partitions.some(({ leader }) => leader < 0)) {
        throw new Fault('LogUnavailable', `topic ${topic} has no leaders yet.`)
      }
      if (!(await this.#options.isSeen(topic))) throw new Fault('LogUnavailable', `topic ${topic} is being made.`)
      return created ? 'created' : 'exists'
    })
  }

  deleteTopic(name: string, signal?: AbortSignal): Promise<void> {
    return this.#run(`deleting topic ${name}`, ['Delete', 'topic', name], signal, async (admin) => {
      await admin.deleteTopics({ topics: [name] }).catch(unless('UNKNOWN_TOPIC_OR_PARTITION'))
      if ((await topicMetadata(admin, name)) !== undefined || (await this.#options.isSeen(name))) {
        throw new Fault('LogUnavailable', `topic ${name} is being deleted.`)
      }
    })
  }

  deleteGroup(group: string, signal?: AbortSignal): Promise<void> {
    return this.#run(`deleting group ${group}`, ['Delete', 'group', group], signal, async (admin) => {
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

  async close(): Promise<void> {
    this.#unsubscribe()
    this.#retry.close()
    // kafkajs waits for what is in flight, which a broker that hangs never answers.
    await inTime(this.#endSession(), { ms: CLOSE_MS })
  }

  /** @returns whether it was made. Who may not make topics may still use one that is there. */
  async #create(admin: Admin, topics: ITopicConfig[]): Promise<boolean> {
    try {
      return await admin.createTopics({ topics, waitForLeaders: false })
    } catch (error) {
      const isThere = async (): Promise<boolean> => this.#options.isSeen(topics[0]?.topic ?? '').catch(() => false)
      if (toFault(error, '').code === 'NotAuthorized' && (await isThere())) return false
      throw error
    }
  }

  /** @param lacks what the user may not do when Kafka says so. */
  async #run<T>(
    what: string,
    lacks: readonly [AclOperation, AclResource, string],
    signal: AbortSignal | undefined,
    work: (admin: Admin) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#retry.run(what, signal, () => this.#use(work))
    } catch (error) {
      const answer = error instanceof Fault && error.code === 'NotAuthorized' ? authorizationError(error) : undefined
      throw answer === undefined ? error : sentence(notAuthorized(...lacks, answer))
    }
  }

  async #use<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const session = (this.#session ??= this.#open())
    session.users++
    try {
      return await work(await session.admin)
    } finally {
      session.users--
      if (session.isOver && session.users === 0) void disconnect(session)
    }
  }

  /** One that cannot be opened is none: the next attempt begins another. */
  #open(): Session {
    const session: Session = { admin: this.#connect(), users: 0, isOver: false }
    session.admin.catch(() => {
      if (this.#session === session) this.#session = undefined
    })
    return session
  }

  async #connect(): Promise<Admin> {
    const security = this.#options.security?.current() ?? {}
    if (this.#options.security !== undefined) await this.#options.signIn()
    const admin = newClient(this.#options, security).admin()
    try {
      await admin.connect()
      // Some calls of kafkajs do not ask for the brokers by themselves.
      await admin.describeCluster()
      return admin
    } catch (error) {
      // it may be half open
      void admin.disconnect().catch(() => undefined)
      throw error
    }
  }

  #leaveSession(): void {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    session.isOver = true
    if (session.users === 0) void disconnect(session)
  }

  async #endSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) await disconnect(session)
  }
}

async function disconnect({ admin }: Session): Promise<void> {
  try {
    await (await admin).disconnect()
  } catch {
    // It never connected, or is gone already: that is what we want.
  }
}

/** This room speaks to people in sentences. */
function sentence({ code, message }: Fault): Fault {
  return new Fault(code, `${message}.`)
}

/** undefined: there is no such topic. */
async function topicMetadata(admin: Admin, name: string): Promise<ITopicMetadata | undefined> {
  const answer = await admin.fetchTopicMetadata({ topics: [name] }).catch(unless('UNKNOWN_TOPIC_OR_PARTITION'))
  return answer?.topics.find((topic) => topic.name === name)
}

function newClient({ clientId, bootstrapServers, logger }: KafkaAdminOptions, security: KafkaSecurity): KafkaClient {
  avoidNegativeTimeouts()
  const { Kafka, logLevel } = kafkajs()
  return new Kafka({
    clientId,
    ...reachable(
      bootstrapServers.split(',').map((server) => server.trim()),
      security,
    ),
    ...(security.sasl === undefined ? {} : { sasl: kafkaJsMechanism(security.sasl) }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    reauthenticationThreshold: REAUTHENTICATE_MS,
    // Ours is the only retry: kafkajs gives up on a refused connection, and takes 7 s to say that a topic is missing.
    retry: { retries: 0 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log }) =>
        logger.debug({ kafkajs: namespace, error: log['error'] as unknown }, log.message),
  })
}

/** kafkajs takes what stands before the first colon for the host: an IPv6 address goes by another name until it is connected to. */
function reachable(
  servers: readonly string[],
  { tls }: KafkaSecurity,
): { brokers: string[]; socketFactory: ISocketFactory } {
  const addresses = new Map<string, string>()
  const brokers = servers.map((server) => {
    const [, address, port] = /^\[(.+)\]:(\d+)$/.exec(server) ?? []
    if (address === undefined) return server
    const name = address.replaceAll(':', '_')
    addresses.set(name, address)
    return `${name}:${port}`
  })
  const open = (require('kafkajs/src/network/socketFactory') as () => ISocketFactory)()
  const socketFactory: ISocketFactory = (to) => {
    const at = { ...to, host: addresses.get(to.host) ?? to.host }
    return tls === undefined ? open(at) : openTlsSocket(tls, at)
  }
  return { brokers, socketFactory }
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
