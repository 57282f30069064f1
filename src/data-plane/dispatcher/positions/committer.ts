import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Position, Positions, TopicPartition } from '../../../kafka/log.ts'
import { encodeProgress, type FirstStart, type Progress } from '../reading/progress.ts'

/** A cursor, as far as its position is to be committed. */
export interface Committable {
  readonly group: string
  readonly place: { readonly at: TopicPartition }
  readonly position: number
  readonly leaderEpoch: number
  readonly released: boolean
  /** What the group holds. */
  committed: number
  /** Waits for its commit. */
  dirty: boolean
  progress(): Progress
}

export interface CommitterHost<C extends Committable> {
  readonly positions: Positions
  readonly clock: Clock
  readonly intervalMs: number
  readonly outcomes: number
  readonly perSecond: number
  readonly retryMs: number
  /** False: this process may have lost its partitions. Nothing may be committed. */
  mayAct(): boolean
  firstStart(cursor: C): FirstStart
  /** A commit of these cursors (one group) failed, or (null) is done. */
  outcome(cursors: readonly C[], error: unknown): void
}

/** What waits to be committed of one group. */
class Group<C extends Committable> {
  readonly name: string
  readonly dirty = new Set<C>()
  since = 0
  outcomes = 0
  failures = 0
  notBefore = 0
  /**
   * Several Outlets may share a group, each with its topic. After a commit of several topics was refused each goes by itself, so that one that
   * was deleted does not hold up the others; these are late.
   */
  apart = false
  readonly late = new Map<string, { failures: number; notBefore: number }>()
  inFlight: Promise<void> | null = null
  /** Those of the commit in flight. */
  committing: readonly C[] = []
  /** Ends the tries of the commit in flight. */
  abort: AbortController | null = null
  constructor(name: string) {
    this.name = name
  }
}

/**
 * Commits positions: one request a group with all its dirty partitions, one in flight a group, oldest first, within a budget.
 *
 *     outcome ─► dirty since … ─► interval over, or many outcomes ─► commit ─► clean
 *                     ▲                                                │ failed
 *                     └────────────────── later ◄──────────────────────┘
 */
export class Committer<C extends Committable> {
  readonly #host: CommitterHost<C>
  readonly #groups = new Map<string, Group<C>>()
  /** Those with something dirty, oldest first. */
  readonly #queue = new Set<Group<C>>()
  #timer: NodeJS.Timeout | undefined
  #tokens: number
  #refilled: number

  constructor(host: CommitterHost<C>) {
    this.#host = host
    this.#tokens = this.#burst
    this.#refilled = host.clock.monotonic()
  }

  /** The position of this cursor may have moved. */
  touch(cursor: C): void {
    const group = this.#group(cursor)
    group.outcomes++
    if (!cursor.dirty) this.#mark(group, cursor)
    if (group.outcomes === this.#host.outcomes) setImmediate(() => this.#tick())
  }

  /** The cursor is let go: it is committed no more. A commit in flight is not tried again; the others in it come with the next. */
  drop(cursor: C): void {
    cursor.dirty = false
    const group = this.#groups.get(cursor.group)
    if (group === undefined) return
    group.dirty.delete(cursor)
    if (group.committing.includes(cursor)) group.abort?.abort()
    this.#tidy(group)
  }

  /** This process may act no more: what is in flight is not tried again. */
  suspend(): void {
    for (const group of this.#groups.values()) group.abort?.abort()
  }

  /** Resolves when no commit of the group is under way. */
  async idle(group: string): Promise<void> {
    for (let flight = this.#groups.get(group)?.inFlight; flight; flight = this.#groups.get(group)?.inFlight)
      await flight
  }

  /**
   * Works while nothing is committed for the group: its positions are being set by other hands. What becomes dirty meanwhile is committed
   * afterwards.
   */
  async exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    for (let flight = this.#groups.get(name)?.inFlight; flight; flight = this.#groups.get(name)?.inFlight) await flight
    const group = this.#named(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    group.inFlight = promise
    try {
      return await work()
    } finally {
      this.#landed(group)
      resolve()
      this.#tidy(group)
    }
  }

  /** Commits these cursors now, as far as they moved. Failures are reported, not thrown. */
  async flush(cursors: readonly C[]): Promise<void> {
    const groups = new Set<Group<C>>()
    for (const cursor of cursors) {
      // its group may be deleted by now: a commit would bring it back
      if (cursor.released) continue
      const group = this.#group(cursor)
      if (!cursor.dirty && cursor.position !== cursor.committed) this.#mark(group, cursor)
      groups.add(group)
    }
    await Promise.all([...groups].map((group) => this.#flushGroup(group)))
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#queue.clear()
  }

  get #burst(): number {
    return Math.max(1, this.#host.perSecond / 4)
  }

  #group(cursor: C): Group<C> {
    return this.#named(cursor.group)
  }

  #named(name: string): Group<C> {
    let group = this.#groups.get(name)
    if (group === undefined) this.#groups.set(name, (group = new Group<C>(name)))
    return group
  }

  #mark(group: Group<C>, cursor: C): void {
    cursor.dirty = true
    if (group.dirty.size === 0) group.since = this.#host.clock.monotonic()
    group.dirty.add(cursor)
    this.#queue.add(group)
    this.#timer ??= setTimeout(() => this.#tick(), this.#host.intervalMs / 5)
  }

  /** Everything that is due; comes back while something is dirty. */
  #tick(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const now = this.#host.clock.monotonic()
    const due = now - this.#host.intervalMs * 0.6
    this.#refill(now)
    for (const group of this.#queue) {
      if (this.#tokens < 1) break
      if (group.inFlight !== null || group.notBefore > now) continue
      if (group.since > due && group.outcomes < this.#host.outcomes) continue
      const cursors = ready(group, now)
      if (cursors.length === 0) continue
      this.#tokens--
      void this.#commit(group, cursors)
    }
    if (this.#queue.size > 0) this.#timer = setTimeout(() => this.#tick(), this.#host.intervalMs / 5)
  }

  #refill(now: number): void {
    const earned = ((now - this.#refilled) / 1000) * this.#host.perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + earned)
    this.#refilled = now
  }

  async #flushGroup(group: Group<C>): Promise<void> {
    await this.idle(group.name)
    // another flush may have been quicker, and have taken ours along
    const topics = topicsOf([...group.dirty]).size
    // once together, and when that is refused each topic by itself
    for (let left = topics > 1 ? topics + 1 : 1; left > 0; left--) {
      if (group.inFlight === null && group.dirty.size > 0) void this.#commit(group, ready(group, Infinity))
      await this.idle(group.name)
    }
    this.#tidy(group)
  }

  #commit(group: Group<C>, cursors: readonly C[]): Promise<void> {
    if (!this.#host.mayAct()) return Promise.resolve()
    for (const cursor of cursors) {
      cursor.dirty = false
      group.dirty.delete(cursor)
    }
    group.outcomes = 0
    if (group.dirty.size === 0) this.#queue.delete(group)
    const positions = cursors.map((cursor) => this.#position(cursor))
    const abort = new AbortController()
    const flight = this.#host.positions.commit(group.name, positions, abort.signal).then(
      () => this.#done(group, cursors, positions),
      (error: unknown) => this.#failed(group, cursors, abort.signal.aborted ? null : error),
    )
    group.inFlight = flight
    group.committing = cursors
    group.abort = abort
    return flight
  }

  #landed(group: Group<C>): void {
    group.inFlight = null
    group.committing = []
    group.abort = null
  }

  #position(cursor: C): Position {
    const progress = cursor.progress()
    const metadata = encodeProgress(progress, this.#host.firstStart(cursor))
    return { ...cursor.place.at, offset: BigInt(progress.position), leaderEpoch: cursor.leaderEpoch, metadata }
  }

  #done(group: Group<C>, cursors: readonly C[], positions: readonly Position[]): void {
    this.#landed(group)
    group.failures = 0
    for (const topic of topicsOf(cursors)) group.late.delete(topic)
    group.apart &&= group.late.size > 0
    cursors.forEach((cursor, i) => {
      cursor.committed = Number(positions[i]?.offset)
    })
    this.#host.outcome(cursors, null)
    this.#tidy(group)
  }

  /** @param error null: given up by ourselves, which nobody has to be told. */
  #failed(group: Group<C>, cursors: readonly C[], error: unknown): void {
    this.#landed(group)
    const alive = cursors.filter((cursor) => !cursor.released)
    for (const cursor of alive) if (!cursor.dirty) this.#mark(group, cursor)
    const topics = topicsOf(cursors)
    if (error !== null && topics.size > 1 && !concernsGroup(error)) group.apart = true
    else if (error !== null) {
      this.#later(group, concernsGroup(error) ? undefined : [...topics][0])
      this.#host.outcome(alive, error)
    }
    this.#tidy(group)
  }

  /** @param topic only this one waits, where topics go by themselves. */
  #later(group: Group<C>, topic: string | undefined): void {
    const one = group.apart && topic !== undefined ? (group.late.get(topic) ?? { failures: 0, notBefore: 0 }) : group
    const wait = Math.min(this.#host.retryMs * 2 ** Math.min(one.failures++, 10), 30_000)
    one.notBefore = this.#host.clock.monotonic() + wait
    if (one !== group && topic !== undefined) group.late.set(topic, one)
  }

  #tidy(group: Group<C>): void {
    if (group.dirty.size > 0) return
    this.#queue.delete(group)
    if (group.inFlight === null && this.#groups.get(group.name) === group) this.#groups.delete(group.name)
  }
}

/** Those that may be committed together now: all, or where topics go by themselves the first that is not late. */
function ready<C extends Committable>(group: Group<C>, now: number): readonly C[] {
  const dirty = [...group.dirty]
  if (!group.apart) return dirty
  const first = dirty.find(({ place }) => (group.late.get(place.at.topic)?.notBefore ?? 0) <= now)
  return dirty.filter(({ place }) => place.at.topic === first?.place.at.topic)
}

function topicsOf(cursors: readonly Committable[]): ReadonlySet<string> {
  return new Set(cursors.map(({ place }) => place.at.topic))
}

/** What is wrong is not about one of the topics. */
function concernsGroup(error: unknown): boolean {
  if (!(error instanceof Fault)) return false
  return ['GroupInUse', 'LogUnavailable', 'LogTimeout', 'Closed'].includes(error.code)
}
