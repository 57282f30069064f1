import type { Outlet } from '../../contract/outlet.ts'
import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import type { LogReader, OffsetMoved, Tail, TailHandler, TopicPartition } from '../../kafka/log.ts'
import { Arrivals } from './reading/arrivals.ts'
import type { CatchUp } from './reading/catch-up.ts'
import type { Committer } from './positions/committer.ts'
import { Cursor } from './reading/cursor.ts'
import { Ends } from './reading/ends.ts'
import { faultSource } from './fault-source.ts'
import { OutletRun } from './delivering/outlet-run.ts'
import type { OutletShare } from './reading/in-flight.ts'
import { Partition, type PartitionHost } from './reading/partition.ts'
import type { Progress } from './reading/progress.ts'
import { TopicsAtWork } from './reading/topic.ts'
import { Siblings } from './siblings.ts'

export interface WorkerParts {
  readonly budget: PartitionHost['budget']
  /** Bound on the ring of one partition, where there are few. */
  readonly ringBytes: number
  readonly clock: Clock
  /** The tail that brings what is new to `handler`. */
  tail(handler: TailHandler): Tail
  readonly range: LogReader['range']
  readonly catchUp: CatchUp
  readonly committer: Committer<Cursor>
  newRun(outlet: Outlet, share: OutletShare): OutletRun
}

/** Its owner speaks for all partitions of a topic. */
export const LOWEST = 0

/**
 * The partitions that this process owns, the Outlets that it knows, and their cursors: one for each Outlet on each owned partition of its
 * topic. Who may begin, and where, is the Starter's business; when positions are committed is the Committer's.
 */
export class Worker {
  readonly runs = new Map<string, OutletRun>()
  readonly siblings = new Siblings()
  readonly #topics: TopicsAtWork<OutletRun>
  readonly #arrivals: Arrivals
  readonly #parts: WorkerParts
  readonly #host: PartitionHost
  readonly #ends: Ends
  readonly #leaveBudget: () => void
  /** Owned, made anew when they change: they are asked for with each batch. */
  #holdings: readonly Partition[] | null = null

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#topics = new TopicsAtWork(parts.budget.inFlight)
    this.#arrivals = new Arrivals(parts.clock, (partition) => this.#tellState(partition))
    const tail = parts.tail({
      batch: (batch) => this.partition(batch)?.batch(batch) ?? true,
      moved: (at, moved) => this.#moved(at, moved),
      state: (at, fault) => this.#tailState(at, fault),
    })
    this.#host = {
      tail,
      budget: parts.budget,
      get ringBytes() {
        return Math.min(parts.ringBytes, parts.budget.ringBytes)
      },
      behind: (cursor) => parts.catchUp.want(cursor),
      leftChunk: (cursor) => parts.catchUp.leftChunk(cursor),
      expired: (cursor, lost) => this.expired(cursor, lost),
    }
    this.#ends = new Ends(parts.range, () => this.holdings)
    this.#leaveBudget = parts.budget.join(this)
  }

  get topics(): readonly string[] {
    return this.#topics.names
  }

  get cursors(): readonly Cursor[] {
    return Array.from(this.runs.values(), (run) => [...run.cursors.values()]).flat()
  }

  partition(at: TopicPartition): Partition | undefined {
    return this.#topics.get(at.topic)?.partitions.get(at.partition)
  }

  runsOf(topic: string): readonly OutletRun[] {
    return [...(this.#topics.get(topic)?.outlets ?? [])]
  }

  /** Owned partitions of the Outlet's topic on which it has no cursor. */
  missing(run: OutletRun): readonly Partition[] {
    const owned = this.#topics.get(run.outlet.topic)?.partitions.values() ?? []
    return [...owned].filter(({ at }) => !run.cursors.has(at.partition))
  }

  own(at: TopicPartition): void {
    const { partitions, index } = this.#topics.of(at.topic)
    if (partitions.has(at.partition)) return
    partitions.set(at.partition, new Partition(at, index, this.#host))
    this.#holdings = null
  }

  add(outlet: Outlet): OutletRun {
    const { outlets, index, share } = this.#topics.of(outlet.topic)
    const run = this.#parts.newRun(outlet, share.join())
    this.runs.set(outlet.uid, run)
    this.siblings.add(run)
    outlets.add(run)
    index.add(run, run.prepared.filter)
    return run
  }

  /** It is gone. As `letGo`. */
  remove(run: OutletRun): void {
    const { uid, topic } = run.outlet
    const { outlets, index } = this.#topics.of(topic)
    this.runs.delete(uid)
    this.siblings.remove(run)
    outlets.delete(run)
    index.remove(run)
    run.release()
    this.letGo(run)
    this.#topics.tidy(topic)
  }

  /** Swaps the compiled parts; cursors stay. */
  change(run: OutletRun, outlet: Outlet): void {
    if (run.change(outlet)) this.#topics.of(outlet.topic).index.add(run, run.prepared.filter)
    for (const cursor of run.cursors.values()) cursor.changed()
  }

  /** Its position is committed: a cursor that will run with the next `admit`, at the latest a moment later. */
  open(run: OutletRun, partition: Partition, progress: Progress, leaderEpoch: number): void {
    const cursor = new Cursor(run, partition, progress, this.#parts.committer, leaderEpoch)
    run.cursors.set(partition.at.partition, cursor)
    this.#arrivals.add(cursor, partition)
  }

  /** Lets run who arrived: together, so that Outlets that start together read together. */
  admit(): void {
    this.#arrivals.admit()
  }

  /** Ends all work for an Outlet here; nothing of it is committed after this (but what is under way already). */
  letGo(run: OutletRun): void {
    for (const cursor of [...run.cursors.values()]) this.#forget(cursor)
  }

  /** As `letGo`, but what is finished is committed first. */
  async handBack(run: OutletRun): Promise<void> {
    const cursors = [...run.cursors.values()]
    for (const cursor of cursors) cursor.abort()
    await this.#parts.committer.flush(cursors)
    this.letGo(run)
  }

  /**
   * Hands partitions over: no new deliveries; what is in flight ends, or is aborted by the deadline; then everything finished is committed.
   * Resolves when the next owner may start.
   */
  async handOver(list: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    const cursors = this.#take(list)
    await inTime(Promise.all(cursors.map((cursor) => cursor.drain())), { ms: deadlineMs * 0.7 })
    for (const cursor of cursors) cursor.abort()
    await inTime(this.#parts.committer.flush(cursors), { ms: deadlineMs * 0.25 })
    for (const cursor of cursors) this.#forget(cursor)
  }

  /** These may be someone else's already: everything is aborted, nothing committed. */
  lose(list: readonly TopicPartition[]): void {
    for (const cursor of this.#take(list)) this.#forget(cursor)
  }

  get owned(): readonly TopicPartition[] {
    return this.holdings.map(({ at }) => at)
  }

  /** This process may have lost its partitions: what is in flight is aborted, commits too. Progress stays. */
  suspend(): void {
    for (const cursor of this.cursors) {
      cursor.abort()
      this.#aborted(cursor)
    }
    this.#parts.committer.suspend()
  }

  /** Who arrived meanwhile goes on waiting for the others; what is being handed over does not go on. */
  resume(): void {
    const arriving = this.#arrivals.cursors
    for (const cursor of this.cursors) {
      if (!arriving.has(cursor) && this.partition(cursor.place.at) === cursor.place) cursor.run()
    }
  }

  expired(cursor: Cursor, lost: number): void {
    const run = this.runOf(cursor)
    run?.lost(lost, cursor.place.at.topic)
    this.#parts.committer.touch(cursor)
  }

  /** Reading for this cursor behind the head failed, or (null) works again. */
  readState(cursor: Cursor, error: unknown): void {
    this.runOf(cursor)?.logState(faultSource.catchUp(cursor.place.at.partition), error)
  }

  /** Something is wrong with the offsets of a topic: tails that wait for their cursors look at once. */
  wake(topic: string): void {
    for (const partition of this.#topics.get(topic)?.partitions.values() ?? []) partition.wake()
  }

  runOf(cursor: Cursor): OutletRun | undefined {
    return cursor.consumer instanceof OutletRun ? cursor.consumer : undefined
  }

  async close(): Promise<void> {
    this.#arrivals.close()
    this.#ends.close()
    this.lose(this.owned)
    this.#leaveBudget()
    this.#topics.close()
    await this.#host.tail.close()
  }

  get holdings(): readonly Partition[] {
    return (this.#holdings ??= this.#topics.partitions)
  }

  dropReads(): void {
    this.#parts.catchUp.dropReads()
  }

  /** Stops reading partitions. @returns their cursors. */
  #take(list: readonly TopicPartition[]): Cursor[] {
    const taken = list.flatMap((at) => this.partition(at) ?? [])
    for (const partition of taken) {
      this.#topics.of(partition.at.topic).partitions.delete(partition.at.partition)
      this.#topics.tidy(partition.at.topic)
      this.#holdings = null
      partition.stop()
    }
    return taken.flatMap((place) => {
      const cursors = this.runsOf(place.at.topic).flatMap((run) => run.cursors.get(place.at.partition) ?? [])
      return cursors.filter((cursor) => cursor.place === place)
    })
  }

  /** Aborts and lets go; a second time it does nothing, for another cursor may have taken the place. */
  #forget(cursor: Cursor): void {
    if (cursor.released) return
    cursor.abort()
    cursor.released = true
    this.#parts.committer.drop(cursor)
    if (cursor.place instanceof Partition) cursor.place.remove(cursor)
    const run = this.runOf(cursor)
    const { partition } = cursor.place.at
    if (run?.cursors.get(partition) !== cursor) return
    run.cursors.delete(partition)
    if (partition === LOWEST) run.allStarted = null
    run.clearFault(faultSource.tail(partition))
    this.#aborted(cursor)
    // nobody else will say that it is over
    if (![...run.cursors.values()].some((other) => other.dirty)) run.clearFault(faultSource.commit)
  }

  /** What its work met is over with the work; what still goes wrong is told again. */
  #aborted(cursor: Cursor): void {
    const run = this.runOf(cursor)
    run?.clearFault(faultSource.catchUp(cursor.place.at.partition))
    run?.clearFault(faultSource.unparked)
  }

  #moved(at: TopicPartition, moved: OffsetMoved): void {
    const partition = this.partition(at)
    if (partition === undefined) return
    partition.moved(moved)
    this.#arrivals.moved(partition, moved)
  }

  #tailState(at: TopicPartition, fault: Error | null): void {
    const partition = this.partition(at)
    if (partition === undefined) return
    partition.fault = fault
    this.#tellState(partition)
  }

  /** Tells all who read the partition, also those who came after the fault, how it stands. */
  #tellState(partition: Partition): void {
    const { topic, partition: number } = partition.at
    for (const run of this.runsOf(topic)) {
      if (run.cursors.get(number)?.place === partition) run.logState(faultSource.tail(number), partition.fault)
    }
  }
}
