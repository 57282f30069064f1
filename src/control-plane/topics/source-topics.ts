import { isDeepStrictEqual } from 'node:util'
import { matchingTopics } from '../../api/topics-pattern.ts'
import { retryBackoffMs } from '../../core/backoff.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts'
import { pause } from '../../kube/pause.ts'
import type { TopicFault } from './state.ts'

/** How often all topics are looked at, milliseconds. */
const lookMs = 3_000
/** After one that was there is missing from an answer, milliseconds: one more look tells a loss from a Kafka broker that does not know its topics yet. */
const lookAgainMs = 1_000
/** After this long without an answer Kafka counts as away, milliseconds. */
const patienceMs = 5_000
/** So many questions at once, where each topic has to be asked about by itself. */
const concurrency = 8

/** Which topics someone else's records are read from. */
export type AskedTopics =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  /** Names in which `*` stands for any text (`api/topics-pattern.ts`). */
  | { readonly kind: 'pattern'; readonly parts: readonly string[] }

/** A topic that is there. */
export type FoundTopic = Pick<TopicDescription, 'id' | 'partitions'>

/** What is known of the topics that one asks about. */
export interface TopicsView {
  /** Kafka has answered at least once since we ask. */
  readonly seen: boolean
  /** Kafka's id of the cluster; null: not seen. */
  readonly cluster: string | null
  /** Why it does not answer now; what else stands here was so before. */
  readonly fault: Pick<TopicFault, 'reason' | 'message'> | null
  /** By name, in the order of the names asked for. */
  readonly found: ReadonlyMap<string, FoundTopic>
  /** Asked for by name, and not there. */
  readonly missing: readonly string[]
  /** May not be described. */
  readonly forbidden: readonly string[]
}

export const unknownTopics: TopicsView = {
  ...{ seen: false, cluster: null, fault: null },
  ...{ found: new Map(), missing: [], forbidden: [] },
}

interface Asker {
  readonly asked: AskedTopics
  view: TopicsView
}

interface Seen extends FoundTopic {
  /** In how many looks in a row it was not there. */
  readonly misses: number
}

export interface SourceTopicsOptions {
  readonly admin: LogAdmin
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told of those whose view changed. */
  readonly changed: (owner: string) => void
}

/**
 * Looks at topics that are not ours, in one Kafka cluster: one question for all of them every few seconds, whoever asks. Never makes or deletes any.
 *
 *     want ──► list (where one asks by pattern) ──► describe all ──► view of each asker ──► changed?
 *                 └── no answer: each view has the fault, and what was found before
 */
export class SourceTopics {
  readonly #options: SourceTopicsOptions
  readonly #askers = new Map<string, Asker>()
  readonly #topics = new Map<string, Seen>()
  readonly #forbidden = new Set<string>()
  #wake = new AbortController()
  #looking = false
  #failures = 0
  #missed = false

  constructor(options: SourceTopicsOptions) {
    this.#options = options
  }

  /** From now on `owner` asks about these and no others. */
  want(owner: string, asked: AskedTopics): TopicsView {
    const before = this.#askers.get(owner)
    if (before !== undefined && isDeepStrictEqual(before.asked, asked)) return before.view
    this.#askers.set(owner, { asked, view: unknownTopics })
    this.#wake.abort()
    this.#start()
    return unknownTopics
  }

  forget(owner: string): void {
    this.#askers.delete(owner)
  }

  #start(): void {
    if (this.#looking || this.#askers.size === 0 || this.#options.signal.aborted) return
    this.#looking = true
    void this.#loop().finally(() => {
      this.#looking = false
      this.#start()
    })
  }

  async #loop(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted && this.#askers.size > 0) {
      this.#wake = new AbortController()
      await this.#look()
      const restMs = this.#missed ? lookAgainMs : lookMs
      const waitMs = this.#failures === 0 ? restMs : retryBackoffMs(this.#failures, { baseMs: 1_000, capMs: lookMs })
      // A new asker does not hurry up a Kafka that is away.
      await pause(waitMs, this.#failures === 0 ? AbortSignal.any([signal, this.#wake.signal]) : signal)
    }
    this.#topics.clear()
    this.#forbidden.clear()
  }

  async #look(): Promise<void> {
    const askers = [...this.#askers]
    const patience = AbortSignal.any([this.#options.signal, AbortSignal.timeout(patienceMs)])
    try {
      const cluster = await this.#options.admin.clusterId(patience)
      const all = askers.some(([, { asked }]) => asked.kind === 'pattern')
        ? await this.#options.admin.listTopics(patience)
        : []
      const names = new Map(askers.map(([owner, { asked }]) => [owner, namesOf(asked, all)]))
      this.#note(await this.#describe([...new Set([...names.values()].flat())], patience))
      this.#failures = 0
      for (const [owner, asker] of askers)
        this.#tell(owner, asker, { ...this.#viewOf(asker.asked, names.get(owner) ?? []), cluster })
    } catch (error) {
      if (this.#options.signal.aborted) return
      this.#failures += 1
      const fault = faultOf(error)
      for (const [owner, asker] of askers) this.#tell(owner, asker, { ...asker.view, fault })
    }
  }

  /** All in one question; where that is refused for one of them, each by itself. */
  async #describe(
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, FoundTopic | 'forbidden'>> {
    const { admin } = this.#options
    try {
      return byName(await admin.describeTopics(names, signal))
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'NotAuthorized' || names.length < 2) {
        if (error instanceof Fault && error.code === 'NotAuthorized' && names[0] !== undefined)
          return new Map([[names[0], 'forbidden']])
        throw error
      }
    }
    const found = new Map<string, FoundTopic | 'forbidden'>()
    const left = [...names]
    const ask = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop())
        for (const [key, value] of await this.#describe([name], signal)) found.set(key, value)
    }
    await Promise.all(Array.from({ length: concurrency }, ask))
    return found
  }

  #note(found: ReadonlyMap<string, FoundTopic | 'forbidden'>): void {
    this.#missed = false
    this.#forbidden.clear()
    for (const [name, { misses, ...topic }] of this.#topics) {
      if (found.has(name)) continue
      this.#missed = true
      if (misses > 0) this.#topics.delete(name)
      else this.#topics.set(name, { ...topic, misses: 1 })
    }
    for (const [name, topic] of found) {
      if (topic === 'forbidden') this.#forbidden.add(name)
      else this.#topics.set(name, { ...topic, misses: 0 })
    }
  }

  #viewOf(asked: AskedTopics, names: readonly string[]): Omit<TopicsView, 'cluster'> {
    // One that matched and was there a moment ago may be in the next answer again.
    const lingering = asked.kind === 'names' ? [] : matchingTopics([...this.#topics.keys()], asked.parts)
    const all = asked.kind === 'names' ? names : [...new Set([...names, ...lingering])].toSorted()
    const found = all.flatMap((name): [string, FoundTopic][] => {
      const topic = this.#topics.get(name)
      return topic === undefined ? [] : [[name, { id: topic.id, partitions: topic.partitions }]]
    })
    const forbidden = all.filter((name) => this.#forbidden.has(name))
    const missing = all.filter((name) => !this.#topics.has(name) && !this.#forbidden.has(name))
    return { seen: true, fault: null, found: new Map(found), missing: asked.kind === 'names' ? missing : [], forbidden }
  }

  #tell(owner: string, asker: Asker, view: TopicsView): void {
    // Meanwhile it may ask about others.
    if (this.#askers.get(owner) !== asker || this.#options.signal.aborted) return
    if (isDeepStrictEqual(view, asker.view)) return
    asker.view = view
    this.#options.changed(owner)
  }
}

function namesOf(asked: AskedTopics, all: readonly string[]): readonly string[] {
  return asked.kind === 'names' ? asked.names : matchingTopics(all, asked.parts)
}

function byName(topics: readonly TopicDescription[]): ReadonlyMap<string, FoundTopic> {
  return new Map(topics.map(({ name, id, partitions }) => [name, { id, partitions }]))
}

const told: ReadonlySet<string> = new Set<TopicFault['reason']>([
  'NotAuthorized',
  'AuthenticationFailed',
  'TlsFailed',
  'CredentialNotFound',
  'LogRefused',
])

function faultOf(error: unknown): NonNullable<TopicsView['fault']> {
  if (!(error instanceof Fault) || error.code === 'Closed')
    return { reason: 'LogUnavailable', message: `no answer within ${patienceMs / 1000} s` }
  const { code, message } = error
  return { reason: (told.has(code) ? code : 'LogUnavailable') as TopicFault['reason'], message }
}
