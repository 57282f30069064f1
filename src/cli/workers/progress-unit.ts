import type { Outlet } from '../../contract/outlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { Fault, type FaultCode } from '../../core/fault.ts'
import type { OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import type { LogReader, Positions, TopicPartition } from '../../kafka/log.ts'
import type { Counted } from './share-meter.ts'

/** The dispatcher of one cluster, as far as it is asked for progress. */
export interface UnitAtWork {
  readonly outlets: RouteSet<Outlet>
  /** Whether this process owns the lowest partition of a topic, and so speaks for its Outlets. */
  speaksFor(topic: string): boolean
  /** Whether it owns any. */
  worksOn(topic: string): boolean
  snapshot(uids: Iterable<string>): readonly OutletSnapshot[]
  readonly reader: Pick<LogReader, 'range'>
  readonly positions: Pick<Positions, 'fetch'>
}

/** How an Outlet stands now. */
export interface Stands {
  readonly uid: string
  /** Over all partitions of its topic; null: others speak for it. */
  readonly lag: number | null
  /** Something is to be done: on any partition, or, where others speak for it, on ours. */
  readonly behind: boolean
  /** What this process did. */
  readonly snapshot: Counted
  /** Nothing new came to its topic since the look before. */
  readonly quiet: boolean
}

export interface ProgressHost {
  /** How many partitions of its topic an Outlet has begun with; undefined: it does not consume yet. */
  partitionsOf(uid: string): number | undefined
  /** Of an Outlet of whose topic this process owns nothing any more there is something to tell, or what it said holds no longer. */
  unfinished(uid: string): boolean
  /** An Outlet has gone. */
  gone(uid: string): void
}

/** So many Outlets are looked at in one turn: those that are behind take turns. */
const perTurn = 200

/** Where a topic ended when it was looked at last, by partition. */
type Ends = readonly { readonly partition: number; readonly start: number; readonly end: number }[]

/**
 * Looks how far the Outlets of one cluster are. Asks Kafka where topics end, and where groups stand on partitions that others own; of an Outlet that
 * is done, and whose topic has not moved, nothing.
 */
export class ProgressUnit {
  readonly #unit: UnitAtWork
  readonly #host: ProgressHost
  readonly #ends = new Map<string, Ends>()
  /** Outlets that may have something to tell. */
  readonly #open = new Set<string>()
  readonly #unsubscribe: () => void

  constructor(unit: UnitAtWork, host: ProgressHost) {
    this.#unit = unit
    this.#host = host
    for (const uid of unit.outlets.current.keys()) this.#open.add(uid)
    this.#unsubscribe = unit.outlets.subscribe((change) => {
      if (change.kind === 'set') {
        this.#open.add(change.value.uid)
        return
      }
      this.#open.delete(change.uid)
      host.gone(change.uid)
    })
  }

  close(): void {
    this.#unsubscribe()
  }

  /** Nothing more is to be seen of it before its topic moves. */
  settled(uid: string): void {
    this.#open.delete(uid)
  }

  /** @throws Fault as LogReader.range and Positions.fetch do. */
  async look(signal: AbortSignal): Promise<{ readonly moved: boolean; readonly stands: readonly Stands[] }> {
    const topics = this.#topics()
    const moved = topics.size === 0 ? new Set<string>() : await this.#askEnds(topics)
    if (signal.aborted) return { moved: false, stands: [] }
    if (moved.size > 0) {
      for (const { uid, topic } of this.#unit.outlets.current.values()) if (moved.has(topic)) this.#open.add(uid)
    }
    const outlets = this.#next()
    const stands = await this.#stands(outlets, moved)
    return { moved: moved.size > 0 || this.#open.size > 0, stands }
  }

  /** The topics on which we work, or for whose Outlets we speak, and how many partitions they have. */
  #topics(): ReadonlyMap<string, number> {
    const topics = new Map<string, number>()
    const others = new Set<string>()
    for (const { uid, topic } of this.#unit.outlets.current.values()) {
      if (topics.has(topic) || others.has(topic)) continue
      if (!this.#isOurs(topic)) others.add(topic)
      const partitions = others.has(topic) ? undefined : this.#host.partitionsOf(uid)
      // thousands read one topic: it takes one that consumes
      if (partitions !== undefined) topics.set(topic, partitions)
    }
    for (const topic of this.#ends.keys()) if (!topics.has(topic)) this.#ends.delete(topic)
    return topics
  }

  /** @returns the topics to which something came, or that are new to us. */
  async #askEnds(topics: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
    const { reader } = this.#unit
    const asked = [...topics].map(([topic, partitions]) => partitionsOf(topic, partitions))
    const ranges = await together(asked, async (some) => reader.range(some.flat()))
    const byTopic = Map.groupBy(ranges.flat(), ({ topic }) => topic)
    const moved = new Set<string>()
    for (const [topic, ranges] of byTopic) {
      const ends = ranges.map(({ partition, start, end }) => ({ partition, start: Number(start), end: Number(end) }))
      if (!sameEnds(ends, this.#ends.get(topic))) moved.add(topic)
      this.#ends.set(topic, ends)
    }
    return moved
  }

  /** Takes turns: who was looked at goes to the end. */
  #next(): readonly Outlet[] {
    const taken: Outlet[] = []
    for (const uid of [...this.#open.values().take(perTurn)]) {
      const outlet = this.#unit.outlets.current.get(uid)
      this.#open.delete(uid)
      if (outlet === undefined) continue
      const left = !this.#isOurs(outlet.topic)
      // of a topic on which others work: they look
      if (left && !this.#host.unfinished(uid)) continue
      this.#open.add(uid)
      if (left || this.#ends.has(outlet.topic)) taken.push(outlet)
    }
    return taken
  }

  #isOurs(topic: string): boolean {
    return this.#unit.speaksFor(topic) || this.#unit.worksOn(topic)
  }

  async #stands(outlets: readonly Outlet[], moved: ReadonlySet<string>): Promise<readonly Stands[]> {
    const snapshots = this.#unit.snapshot(outlets.map(({ uid }) => uid))
    const elsewhere = new Map<string, readonly TopicPartition[]>()
    for (const { group, topic, partitions } of snapshots) {
      if (!this.#unit.speaksFor(topic)) continue
      const here = new Set(partitions.map(({ partition }) => partition))
      const missing = (this.#ends.get(topic) ?? []).filter(({ partition }) => !here.has(partition))
      if (missing.length === 0) continue
      // one group may hold positions of several topics
      const more = missing.map(({ partition }) => ({ topic, partition }))
      elsewhere.set(group, [...(elsewhere.get(group) ?? []), ...more])
    }
    const { positions } = this.#unit
    const fetched = await together([...elsewhere], async (some) => positions.fetch(new Map(some)))
    const committed = new Map(fetched.flatMap((some) => [...some]))
    return snapshots.map((snapshot) => {
      const { uid, group, topic } = snapshot
      const at = new Map<number, number>()
      for (const each of committed.get(group) ?? [])
        if (each.topic === topic) at.set(each.partition, Number(each.offset))
      for (const { partition, position } of snapshot.partitions) at.set(partition, position)
      const speaks = this.#unit.speaksFor(topic)
      const lag = (this.#ends.get(topic) ?? [])
        .filter(({ partition }) => speaks || at.has(partition))
        .map(({ partition, start, end }) => Math.max(0, end - Math.max(start, at.get(partition) ?? start)))
        .reduce((sum, one) => sum + one, 0)
      return { uid, lag: speaks ? lag : null, behind: lag > 0, quiet: !moved.has(topic), snapshot }
    })
  }
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

function sameEnds(a: Ends, b: Ends | undefined): boolean {
  if (a.length !== b?.length) return false
  return a.every(({ partition, end }, i) => b[i]?.partition === partition && b[i].end === end)
}

/** What concerns one topic or group alone. */
const ofOne: ReadonlySet<string> = new Set<FaultCode>(['TopicNotFound', 'NotAuthorized'])

/** One question for all; where one of them is refused each is asked by itself, and those that are refused are left out. @throws Fault that concerns all. */
async function together<T, A>(all: readonly T[], ask: (some: readonly T[]) => Promise<A>): Promise<readonly A[]> {
  if (all.length === 0) return []
  try {
    return [await ask(all)]
  } catch (error) {
    if (!(error instanceof Fault && ofOne.has(error.code))) throw error
    if (all.length === 1) return []
  }
  const answers: A[] = []
  for (const one of all) answers.push(...(await together([one], ask)))
  return answers
}
