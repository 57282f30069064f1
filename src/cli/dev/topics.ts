import { setTimeout as wait } from 'node:timers/promises'
import type { Observed } from '../../control-plane/conclude.ts'
import type { Compiled } from '../../control-plane/compile-manifests.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts'

type TopicState = Observed['topics'] extends ReadonlyMap<string, infer S> ? S : never
type WantedTopic = Compiled['topics'][number]

/** How often topics are looked at when nothing changed, milliseconds. */
const intervalMs = 5_000
/** After this long without an answer the log counts as away, milliseconds. */
const patienceMs = 5_000

/**
 * Keeps the topics of Brokers there, and removes the groups of Triggers that are gone. Topics are never removed: a file that is emptied or a
 * branch that is switched must not cost events.
 */
export class Topics {
  readonly #admin: LogAdmin
  readonly #changed: (fault: Fault | null) => void
  readonly #closing = new AbortController()
  readonly #states = new Map<string, TopicState>()
  readonly #seen = new Set<string>()
  readonly #groupsOfGone = new Map<string, string>()
  #compiled: Compiled | undefined
  #wake = new AbortController()
  readonly #done: Promise<void>

  /** `changed` is called after each look at the log, with the fault when it could not be reached. */
  constructor(admin: LogAdmin, changed: (fault: Fault | null) => void) {
    this.#admin = admin
    this.#changed = changed
    this.#done = this.#loop()
  }

  /** Topics that were there at least once, and are still wanted. */
  get seen(): ReadonlySet<string> {
    return this.#seen
  }

  get observed(): ReadonlyMap<string, TopicState> {
    return this.#states
  }

  /** From now on these topics are wanted, and the groups of these Triggers are kept. */
  want(now: Compiled): void {
    const wanted = new Set(now.topics.map(({ spec }) => spec.name))
    for (const name of this.#states.keys()) {
      if (wanted.has(name)) continue
      this.#states.delete(name)
      this.#seen.delete(name)
    }
    const triggers = new Set(now.triggers.map(({ key }) => JSON.stringify([key.namespace, key.name])))
    for (const { uid, group, source } of this.#compiled?.outlets ?? []) {
      if (triggers.has(JSON.stringify([source.namespace, source.name]))) this.#groupsOfGone.delete(uid)
      else this.#groupsOfGone.set(uid, group)
    }
    this.#compiled = now
    this.#wake.abort()
  }

  /** The dispatcher commits nothing for this Outlet any more: if its Trigger is gone, its group may go. */
  outletReleased(uid: string): void {
    const group = this.#groupsOfGone.get(uid)
    if (group === undefined || !this.#groupsOfGone.delete(uid)) return
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
    const topics = this.#compiled?.topics ?? []
    try {
      const names = topics.map(({ spec }) => spec.name)
      const present = await this.#admin.describeTopics(names, this.#patience())
      for (const topic of topics) await this.#ensure(topic, present)
      return null
    } catch (error) {
      const fault = toFault(error)
      for (const { spec } of topics) this.#states.set(spec.name, { reason: 'LogUnavailable', message: fault.message })
      return fault
    }
  }

  async #ensure({ spec, external }: WantedTopic, present: readonly TopicDescription[]): Promise<void> {
    if (present.some(({ name }) => name === spec.name)) return this.#ready(spec.name)
    if (external) {
      const message = `topic ${spec.name} does not exist: create it, or remove the annotation kafka.eventing.knative.dev/external.topic`
      this.#states.set(spec.name, { reason: 'TopicNotFound', message })
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

function toFault(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('LogUnavailable', String(error), { cause: error })
}
