import { MatchIndex } from '../../../event/match-index.ts'
import type { InFlight, TopicShare } from './in-flight.ts'
import type { Partition, Reader } from './partition.ts'

/** What a process works on of one topic: the Outlets that read it, and the partitions of it that are ours. */
export class Topic<Outlet extends Reader> {
  readonly outlets = new Set<Outlet>()
  readonly partitions = new Map<number, Partition>()
  /** The Outlets by their filters. One for all partitions: an Outlet asks for the same on each. */
  readonly index = new MatchIndex<Reader>()
  /** Of the memory of events in flight. */
  readonly share: TopicShare

  constructor(share: TopicShare) {
    this.share = share
  }

  /** Neither its Outlets nor its partitions are any business of ours. */
  get isNobodys(): boolean {
    return this.outlets.size === 0 && this.partitions.size === 0
  }
}

/** The topics that a process works on, by name. Each has its share in the memory of events in flight. */
export class TopicsAtWork<Outlet extends Reader> {
  readonly #inFlight: InFlight
  readonly #topics = new Map<string, Topic<Outlet>>()

  constructor(inFlight: InFlight) {
    this.#inFlight = inFlight
  }

  get names(): readonly string[] {
    return [...this.#topics].flatMap(([name, { outlets }]) => (outlets.size > 0 ? name : []))
  }

  get partitions(): readonly Partition[] {
    return Array.from(this.#topics.values(), ({ partitions }) => [...partitions.values()]).flat()
  }

  get(name: string): Topic<Outlet> | undefined {
    return this.#topics.get(name)
  }

  /** Made when it is not there. */
  of(name: string): Topic<Outlet> {
    let topic = this.#topics.get(name)
    if (topic === undefined) this.#topics.set(name, (topic = new Topic(this.#inFlight.join())))
    return topic
  }

  /** Forgets it if it is nobody's. */
  tidy(name: string): void {
    if (this.#topics.get(name)?.isNobodys === true) this.#forget(name)
  }

  close(): void {
    for (const name of [...this.#topics.keys()]) this.#forget(name)
  }

  #forget(name: string): void {
    this.#topics.get(name)?.share.leave()
    this.#topics.delete(name)
  }
}
