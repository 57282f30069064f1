import { Fault } from '../../core/fault.ts'
import type { LogAdmin, TopicDescription, TopicSpec } from '../log.ts'
import { closedFault } from './faults.ts'
import type { PositionTable } from './positions.ts'
import type { Store } from './store.ts'
import { maxMessageBytes, refusal } from './topics.ts'
import type { Writer } from './writer.ts'

/** What the administration needs of the log. */
export interface AdminTarget {
  readonly store: Store
  readonly writer: Writer
  readonly table: PositionTable
  /** Open memberships by group. */
  members(group: string): number
  topicsChanged(): void
}

export class EmbeddedAdmin implements LogAdmin {
  readonly #target: AdminTarget
  #closed = false

  constructor(target: AdminTarget) {
    this.#target = target
  }

  async ensureTopic(spec: TopicSpec, signal?: AbortSignal): Promise<'created' | 'exists'> {
    const { store } = this.#target
    const refused = refusal(spec)
    if (refused !== undefined) throw new Fault('LogRefused', refused)
    const result = await this.#write(() => {
      if (store.topics.has(spec.name)) return 'exists'
      store.createTopic(spec)
      return 'created'
    }, signal)
    if (result === 'created') this.#target.topicsChanged()
    return result
  }

  describeTopics(names: readonly string[], signal?: AbortSignal): Promise<readonly TopicDescription[]> {
    if (this.#closed) return Promise.reject(closedFault())
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    const found = [...new Set(names)].flatMap((name) => this.#target.store.topics.get(name) ?? [])
    return Promise.resolve(
      found.map((topic) => ({
        name: topic.name,
        id: topic.id,
        partitions: topic.partitions.length,
        maxMessageBytes: maxMessageBytes(topic),
      })),
    )
  }

  /** It has one address, which never comes to name another. */
  clusterId(signal?: AbortSignal): Promise<string> {
    if (this.#closed) return Promise.reject(closedFault())
    return signal?.aborted === true ? Promise.reject(signal.reason as Error) : Promise.resolve('embedded')
  }

  listTopics(signal?: AbortSignal): Promise<readonly string[]> {
    if (this.#closed) return Promise.reject(closedFault())
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return Promise.resolve([...this.#target.store.topics.keys()])
  }

  async deleteTopic(name: string, signal?: AbortSignal): Promise<void> {
    const { store } = this.#target
    await this.#write(() => {
      const topic = store.topics.get(name)
      if (topic !== undefined) store.deleteTopic(topic)
    }, signal)
    this.#target.topicsChanged()
  }

  deleteGroup(group: string, signal?: AbortSignal): Promise<void> {
    return this.#write(() => {
      if (this.#target.members(group) > 0) throw new Fault('GroupInUse', `group ${group} has live members`)
      this.#target.table.delete(group)
    }, signal)
  }

  async describeGroup(
    group: string,
    signal?: AbortSignal,
  ): Promise<{ kind: 'missing' | 'simple' | 'consumer'; liveMembers: number }> {
    return this.#write(() => {
      const liveMembers = this.#target.members(group)
      if (liveMembers > 0) return { kind: 'consumer', liveMembers }
      return { kind: this.#target.table.has(group) ? 'simple' : 'missing', liveMembers }
    }, signal)
  }

  /** Positions go with their group or topic only. */
  positionRetentionMs(signal?: AbortSignal): Promise<number | null> {
    if (this.#closed) return Promise.reject(closedFault())
    return signal?.aborted === true ? Promise.reject(signal.reason as Error) : Promise.resolve(null)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #write<T>(apply: () => T, signal?: AbortSignal): Promise<T> {
    if (this.#closed) return Promise.reject(closedFault())
    return this.#target.writer.run(apply, { signal })
  }
}
