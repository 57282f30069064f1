import { retryBackoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { afterCreation, judgeTopic, unseen, type TopicMemory } from './judge.ts'
import { Slots } from './slots.ts'
import { isUsable, reasonFor, type TopicFault, type TopicState } from './state.ts'

/** How often all topics are looked at, milliseconds. */
const lookMs = 3_000
/** After this long without an answer Kafka counts as away, milliseconds: with `lookMs` less than 10 s until users are told. */
const patienceMs = 5_000
/** Creations and deletions at once. */
const concurrency = 8

export interface TopicKeeperOptions {
  readonly admin: LogAdmin
  /** For messages. */
  readonly bootstrapServers: string
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told of topics whose state or number of partitions changed. */
  readonly changed: (topics: readonly string[]) => void
}

interface KeptTopic {
  topic: BrokerTopic
  /** Those who want it. */
  readonly owners: Set<string>
  memory: TopicMemory
  state: TopicState | undefined
  /** It is being made. */
  creating: boolean
}

/**
 * Looks after the topics in one Kafka cluster: one question for all of them every few seconds, whoever they belong to.
 *
 *     want ──► describe all ──► judge (pure) ──► nothing | make ──► state changed? ──► changed
 *                  └── no answer: every topic is LogUnavailable, and comes back by itself
 */
export class TopicKeeper {
  readonly #options: TopicKeeperOptions
  readonly #topics = new Map<string, KeptTopic>()
  readonly #slots = new Slots(concurrency)
  #wake = new AbortController()
  #failures = 0
  #deletions = 0

  constructor(options: TopicKeeperOptions) {
    this.#options = options
    void this.#loop()
  }

  /** From now on `owner` wants this topic. `established`: it was there in an earlier life of this process. */
  want(owner: string, topic: BrokerTopic, established: boolean): void {
    const kept = this.#topics.get(topic.spec.name)
    if (kept !== undefined) {
      kept.owners.add(owner)
      kept.topic = topic
      return
    }
    const memory = { ...unseen, established }
    this.#topics.set(topic.spec.name, { topic, owners: new Set([owner]), memory, state: undefined, creating: false })
    this.#wake.abort()
  }

  /** `owner` wants it no more; nothing is deleted by that. */
  forget(owner: string, name: string): void {
    const kept = this.#topics.get(name)
    if (kept?.owners.delete(owner) === true && kept.owners.size === 0) this.#topics.delete(name)
  }

  /** Undefined: not known yet. */
  state(name: string): TopicState | undefined {
    return this.#topics.get(name)?.state
  }

  /** It is being made, or was and is looked at in a moment. */
  isMaking(name: string): boolean {
    const kept = this.#topics.get(name)
    return (
      kept !== undefined &&
      (kept.creating || (kept.memory.established && kept.memory.last === undefined && kept.state === undefined))
    )
  }

  /** How many partitions it has, as last seen. */
  partitions(name: string): number | undefined {
    return this.#topics.get(name)?.memory.last?.partitions
  }

  /** Something is being deleted, or waits for its turn. */
  get busy(): boolean {
    return this.#deletions > 0
  }

  /** @throws Fault LogUnavailable, NotAuthorized, AuthenticationFailed, TlsFailed, CredentialNotFound, LogRefused. */
  deleteTopic(name: string, signal: AbortSignal): Promise<void> {
    return this.#delete((patience) => this.#options.admin.deleteTopic(name, patience), signal)
  }

  /** @throws Fault GroupInUse, and as {@link deleteTopic}. */
  deleteGroup(group: string, signal: AbortSignal): Promise<void> {
    return this.#delete((patience) => this.#options.admin.deleteGroup(group, patience), signal)
  }

  async #delete(call: (patience: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#deletions += 1
    try {
      await this.#slots.run(() => this.#ask(call, signal))
    } finally {
      this.#deletions -= 1
    }
  }

  async #loop(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted) {
      this.#wake = new AbortController()
      if (this.#topics.size > 0) await this.#look()
      const waitMs = this.#failures === 0 ? lookMs : retryBackoffMs(this.#failures, { baseMs: 1_000, capMs: lookMs })
      // A new topic does not hurry up a Kafka that is away.
      await pause(waitMs, this.#failures === 0 ? AbortSignal.any([signal, this.#wake.signal]) : signal)
    }
  }

  async #look(): Promise<void> {
    const { admin, signal } = this.#options
    const names = [...this.#topics.keys()]
    try {
      const found = await this.#ask((patience) => admin.describeTopics(names, patience), signal)
      this.#failures = 0
      const present = new Map(found.map((topic) => [topic.name, topic]))
      this.#tell(names.filter((name) => this.#judge(name, present.get(name))))
    } catch (error) {
      if (signal.aborted) return
      this.#failures += 1
      const fault = asFault(error)
      const reason = reasonFor(fault)
      const where = `Kafka at ${this.#options.bootstrapServers}`
      const advice = reason === 'LogUnavailable' ? `. ${toReachIt}` : ''
      const message = `${where} cannot be used: ${sentence(fault.message)} Senders get 503 until it can; nothing that was accepted is lost${advice}`
      this.#tell(names.filter((name) => this.#set(name, { reason, message })))
    }
  }

  /** Returns whether something changed. */
  #judge(name: string, present: TopicDescription | undefined): boolean {
    const kept = this.#topics.get(name)
    // What was seen before it was made says nothing.
    if (kept === undefined || kept.creating) return false
    const judgement = judgeTopic(kept.topic, present, kept.memory, this.#now())
    const grew = kept.memory.last?.partitions !== judgement.memory.last?.partitions
    kept.memory = judgement.memory
    if (judgement.do === 'nothing') return this.#set(name, judgement.state) || grew
    kept.creating = true
    void this.#create(kept)
    return false
  }

  /** What came of it is seen at the next look, at once; a refusal is told here. Never throws. */
  async #create(kept: KeptTopic): Promise<void> {
    const { admin, signal, logger } = this.#options
    const { spec } = kept.topic
    try {
      const made = await this.#slots.run(() => this.#ask((patience) => admin.ensureTopic(spec, patience), signal))
      logger.info({ topic: spec.name }, made === 'created' ? 'topic made' : 'topic was there')
      kept.memory = afterCreation(kept.memory, made === 'created', this.#now())
      kept.creating = false
      this.#wake.abort()
    } catch (error) {
      kept.creating = false
      const fault = asFault(error)
      const reason = fault.code === 'LogRefused' ? fault.code : reasonFor(fault)
      const message = `${about(`topic ${spec.name}`, sentence(fault.message))}${adviceAfterRefusal(reason)}`
      if (!signal.aborted && this.#set(spec.name, { reason, message })) this.#tell([spec.name])
    }
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }

  #set(name: string, state: TopicState): boolean {
    const kept = this.#topics.get(name)
    if (kept === undefined || same(kept.state, state)) return false
    kept.state = state
    return true
  }

  #tell(names: readonly string[]): void {
    if (names.length > 0 && !this.#options.signal.aborted) this.#options.changed(names)
  }

  /** An admin call with our patience instead of its own. */
  async #ask<T>(call: (patience: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const patience = AbortSignal.timeout(patienceMs)
    try {
      return await call(AbortSignal.any([signal, this.#options.signal, patience]))
    } catch (error) {
      if (error instanceof Fault && error.code !== 'Closed') throw error
      if (!patience.aborted) throw error
      throw new Fault('LogUnavailable', `no answer within ${patienceMs / 1000} s`, { cause: error })
    }
  }
}

const toReachIt =
  'See why nothing answers there, or correct bootstrap.servers in the ConfigMap; it is tried again until it can'

/** What to do where a topic could not be made; of who may not sign in that is told where one knows as whom. */
function adviceAfterRefusal(reason: TopicFault['reason']): string {
  if (reason === 'LogUnavailable') return ` ${toReachIt}`
  if (reason !== 'LogRefused') return ''
  return ' Correct what it names in the ConfigMap (default.topic.partitions, default.topic.replication.factor, default.topic.config.*), or what Kafka allows; it is tried again until it can'
}

function same(a: TopicState | undefined, b: TopicState): boolean {
  if (a === undefined || a === 'ready' || b === 'ready') return a === b
  return a.reason === b.reason && a.message === b.message && isUsable(a) === isUsable(b)
}

function asFault(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('LogUnavailable', String(error), { cause: error })
}

/** Most faults name the topic by themselves. */
function about(what: string, told: string): string {
  return told.startsWith(what) ? told : `${what}: ${told}`
}

function sentence(text: string): string {
  return text.replace(/\.?$/, '.')
}
