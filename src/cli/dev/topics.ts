import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { objectName } from '../../api/problem.ts'
import type { Observed } from '../../control-plane/conclude.ts'
import type { Compiled } from '../../control-plane/compile-manifests.ts'
import { isOwnGroup } from '../../control-plane/kafka-source/compile.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts'

type TopicState = Observed['topics'] extends ReadonlyMap<string, infer S> ? S : never
type WantedTopic = Compiled['topics'][number]

/** How often topics are looked at when nothing changed, milliseconds. */
const intervalMs = 5_000
/** After this long without an answer the log counts as away, milliseconds. */
const patienceMs = 5_000

/**
 * Keeps the topics of Brokers there, and in an embedded log those of KafkaSources; removes the groups of Triggers and KafkaSources that are gone. Topics are never removed: a file that is emptied or a
 * branch that is switched must not cost events.
 */
export class Topics {
  readonly #admin: LogAdmin
  readonly #changed: (fault: Fault | null) => void
  readonly #closing = new AbortController()
  readonly #states = new Map<string, TopicState>()
  readonly #seen = new Set<string>()
  readonly #late = new Set<string>()
  readonly #groupsOfGone = new Map<string, string>()
  readonly #embedded: boolean
  #existing: readonly string[] | undefined
  #compiled: Compiled | undefined
  #wake = new AbortController()
  readonly #done: Promise<void>

  /**
   * `changed` is called after each look at the log, with the fault when it could not be reached. `embedded`: the log is ours, so topics that KafkaSources
   * name are made in it; in a Kafka they are not.
   */
  constructor(admin: LogAdmin, embedded: boolean, changed: (fault: Fault | null) => void) {
    this.#admin = admin
    this.#embedded = embedded
    this.#changed = changed
    this.#done = this.#loop()
  }

  /** Topics that were there at least once, and are still wanted. */
  get seen(): ReadonlySet<string> {
    return this.#seen
  }

  /** Topics of someone else that were missing before they were there: nothing of them is to be skipped. */
  get late(): ReadonlySet<string> {
    return this.#late
  }

  get observed(): ReadonlyMap<string, TopicState> {
    return this.#states
  }

  /** All topics of the log, where a KafkaSource asks by pattern: the same list until it changes. */
  get existing(): readonly string[] | undefined {
    return this.#existing
  }

  /** From now on these topics are wanted, and the groups of these Triggers are kept. */
  want(now: Compiled): void {
    const wanted = new Set(topicsOf(now, this.#embedded).map(({ spec }) => spec.name))
    for (const name of this.#states.keys()) {
      if (wanted.has(name)) continue
      this.#states.delete(name)
      this.#seen.delete(name)
      this.#late.delete(name)
    }
    const owners = new Set([...now.triggers, ...now.kafkaSources].map(({ key }) => objectName(key)))
    for (const { uid, group, source } of this.#compiled?.outlets ?? []) {
      if (owners.has(objectName(source))) this.#groupsOfGone.delete(uid)
      else if (source.kind === 'Trigger' || isOwnGroup(group)) this.#groupsOfGone.set(uid, group)
    }
    this.#compiled = now
    this.#wake.abort()
  }

  /** The dispatcher commits nothing for this Outlet any more: if its Trigger is gone, its group may go. */
  outletReleased(uid: string): void {
    const group = this.#groupsOfGone.get(uid)
    if (group === undefined || !this.#groupsOfGone.delete(uid)) return
    // A KafkaSource has an Outlet for each topic: the last one counts.
    if ([...this.#groupsOfGone.values()].includes(group)) return
    // A group that cannot be removed harms nobody; the log being away is said elsewhere.
    void this.#admin.deleteGroup(group, this.#closing.signal).catch(() => {})
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake.abort()
    await this.#done
  }

  async #loop(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      const fault = await this.#look()
      if (this.#closing.signal.aborted) return
      this.#changed(fault)
      await wait(fault === null ? intervalMs : 1_000, undefined, { signal: this.#wake.signal }).catch(() => {})
    }
  }

  /** Returns the fault when the log as a whole cannot be used; what concerns one topic is that topic's state. */
  async #look(): Promise<Fault | null> {
    const topics = this.#compiled === undefined ? [] : topicsOf(this.#compiled, this.#embedded)
    try {
      const names = topics.map(({ spec }) => spec.name)
      const present = await this.#admin.describeTopics(names, this.#patience())
      for (const topic of topics) await this.#ensure(topic, present)
      await this.#list()
      return null
    } catch (error) {
      const fault = toFault(error)
      for (const { spec } of topics) this.#states.set(spec.name, { reason: 'LogUnavailable', message: fault.message })
      return fault
    }
  }

  async #list(): Promise<void> {
    const byPattern = this.#compiled?.kafkaSources.some(({ asked }) => asked.kind === 'pattern') === true
    const names = byPattern ? await this.#admin.listTopics(this.#patience()) : undefined
    if (!isDeepStrictEqual(names, this.#existing)) this.#existing = names
  }

  async #ensure({ spec, external }: WantedTopic, present: readonly TopicDescription[]): Promise<void> {
    if (present.some(({ name }) => name === spec.name)) return this.#ready(spec.name)
    if (external) {
      const ofBroker = this.#compiled?.topics.some((topic) => topic.spec.name === spec.name) === true
      const otherwise = ofBroker
        ? 'remove the annotation kafka.eventing.knative.dev/external.topic'
        : 'correct spec.topics of the KafkaSource'
      const message = `topic ${spec.name} does not exist: create it, or ${otherwise}`
      this.#states.set(spec.name, { reason: 'TopicNotFound', message })
      if (!this.#seen.has(spec.name)) this.#late.add(spec.name)
      return
    }
    try {
      await this.#admin.ensureTopic(spec, this.#patience())
      this.#ready(spec.name)
    } catch (error) {
      const { code, message } = toFault(error)
      if (code !== 'LogRefused' && code !== 'NotAuthorized') throw error
      this.#states.set(spec.name, { reason: code, message })
    }
  }

  #ready(name: string): void {
    this.#states.set(name, 'ready')
    this.#seen.add(name)
  }

  #patience(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(patienceMs)])
  }
}

/** Those of Brokers, and those that KafkaSources read. */
function topicsOf({ topics, kafkaSources, outlets }: Compiled, embedded: boolean): readonly WantedTopic[] {
  const known = new Set(topics.map(({ spec }) => spec.name))
  const named = kafkaSources.flatMap(({ asked }) => (asked.kind === 'names' ? asked.names : []))
  const matching = outlets.filter(({ source }) => source.kind === 'KafkaSource').map(({ topic }) => topic)
  const read = [...new Set([...named, ...matching])].filter((name) => !known.has(name))
  const others = read.map((name): WantedTopic => {
    const spec = { name, partitions: 10, replicationFactor: 1, config: {} }
    return { external: !embedded || !named.includes(name), spec }
  })
  return [...topics, ...others]
}

function toFault(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('LogUnavailable', String(error), { cause: error })
}
