import type { LogPlace } from '../../contract/lineage.ts'
import { inTime } from '../../core/deadline.ts'
import { Fault } from '../../core/fault.ts'
import type { Membership, TopicPartition } from '../../kafka/log.ts'
import { Budget } from './reading/budget.ts'
import { CatchUp } from './reading/catch-up.ts'
import { Committer } from './positions/committer.ts'
import type { Cursor } from './reading/cursor.ts'
import type { Services } from './delivering/consumer.ts'
import type { DispatcherParts, Dispatcher, DispatcherSnapshot, OutletSnapshot } from './parts.ts'
import { FaultLines } from './fault-lines.ts'
import { faultSource } from './fault-source.ts'
import { GroupWatch } from './positions/group-watch.ts'
import { defaultOptions, type DispatcherOptions } from './options.ts'
import { OutletRun } from './delivering/outlet-run.ts'
import { Parking } from './delivering/parking.ts'
import { JsonBodies } from './delivering/json-bodies.ts'
import { Replies } from './delivering/replies.ts'
import { Origins } from './delivering/origins.ts'
import { Roster } from './roster.ts'
import { Sharing } from './sharing.ts'
import { RunView, snapshotOf } from './snapshot.ts'
import { ShortMetadata } from './positions/short-metadata.ts'
import { Starter } from './positions/starter.ts'
import { Topics } from './topics.ts'
import { standingsOf } from './standings.ts'
import { firstTopic, ownsLowest, Upkeep } from './upkeep.ts'
import { Worker } from './worker.ts'

/** The dispatcher of one process: puts its parts together and passes on what routes, fleet and time tell. */
export class Process implements Dispatcher {
  readonly #parts: DispatcherParts
  readonly #options: DispatcherOptions
  readonly #stop = new AbortController()
  readonly #budget: Budget
  readonly #origins: Origins
  readonly #services: Services
  readonly #lines: FaultLines
  readonly #positions: ShortMetadata
  readonly #catchUp: CatchUp
  readonly #committer: Committer<Cursor>
  readonly #worker: Worker
  readonly #starter: Starter
  readonly #topics: Topics
  readonly #groups: GroupWatch
  readonly #membership: Membership
  readonly #upkeep: Upkeep
  readonly #roster: Roster
  readonly #sharing: Sharing
  #alive = true

  constructor(parts: DispatcherParts) {
    const options = { ...defaultOptions, ...parts.options }
    this.#parts = parts
    this.#options = options
    this.#budget = parts.budget ?? new Budget(options.budgetBytes)
    const mayAct = (): boolean => this.#membership.alive
    this.#origins = new Origins(options.connections, options.replyBytes, mayAct, this.#budget)
    const parking = new Parking(parts.admin, parts.appender)
    const replies = new Replies(parts.appender, parts.clock)
    const [{ clock }, jsonBodies] = [parts, new JsonBodies()]
    const { lineage = null, spans = null } = parts
    this.#services = { options, clock, replies, jsonBodies, parking, lineage, spans, mayAct }
    this.#lines = new FaultLines(parts.logger)
    this.#positions = new ShortMetadata(parts.positions, (length) => this.#metadataRefused(length))
    this.#catchUp = this.#newCatchUp()
    this.#committer = this.#newCommitter(mayAct)
    this.#worker = this.#newWorker()
    this.#starter = this.#newStarter(mayAct)
    this.#topics = this.#newTopics()
    const [worker, committer, starter, topics] = [this.#worker, this.#committer, this.#starter, this.#topics]
    this.#roster = new Roster({ outlets: parts.outlets, worker, committer, starter, topics })
    this.#groups = new GroupWatch({
      admin: parts.admin,
      signal: this.#stop.signal,
      retryMs: options.retryMs,
      free: (run) => this.#groupFree(run),
      letGo: (run) => this.#worker.letGo(run),
      handBack: (run) => this.#worker.handBack(run),
      siblings: (group) => this.#worker.siblings.of(group),
    })
    this.#membership = parts.membership({
      assigned: (list) => this.#assigned(list),
      revoked: (list, deadlineMs) => this.#revoked(list, deadlineMs),
      lost: (list) => {
        this.#worker.lose(list)
        void this.#starter.leave(0)
      },
    })
    this.#roster.open()
    this.#sharing = new Sharing(this.#membership, this.#worker.runs, parts.outlets)
    this.#upkeep = this.#newUpkeep()
    this.#topics.look()
  }

  snapshot(uids?: Iterable<string>): DispatcherSnapshot {
    const { runs } = this.#worker
    const asked = uids === undefined ? runs.values() : [...uids].flatMap((uid) => runs.get(uid) ?? [])
    return { outlets: Array.from(asked, (run) => this.#snapshot(run)), memory: this.#budget.used }
  }

  *outlets(): ReturnType<Dispatcher['outlets']> {
    for (const run of this.#worker.runs.values()) yield new RunView(run, this.#worker)
  }

  load(): ReturnType<Dispatcher['load']> {
    return { budget: this.#budget, appendQueue: this.#parts.appender.pendingBytes }
  }

  standings(place: LogPlace): ReturnType<Dispatcher['standings']> {
    return standingsOf(this.#worker, place)
  }

  /** Nothing of it waits longer than the deadline, also while the log is away. */
  async close({ deadlineMs, forGood }: { deadlineMs: number; forGood: boolean }): Promise<void> {
    const until = this.#parts.clock.monotonic() + deadlineMs
    const left = (): number => Math.max(0, until - this.#parts.clock.monotonic())
    this.#sharing.close()
    this.#roster.close()
    this.#stop.abort()
    this.#upkeep.close()
    this.#topics.close()
    await inTime(this.#starter.close(), { ms: deadlineMs / 4 })
    await inTime(this.#membership.close({ deadlineMs: left() * 0.9, forGood }), { ms: left() })
    await inTime(this.#worker.close(), { ms: left() })
    this.#committer.close()
    this.#catchUp.close()
    for (const run of this.#worker.runs.values()) run.release()
    await inTime(this.#roster.left(), { ms: left() })
    this.#lines.close()
    await this.#origins.close()
  }

  async #revoked(list: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    const over = this.#worker.handOver(list, deadlineMs)
    await this.#starter.leave(deadlineMs * 0.95)
    await over
  }

  #assigned(list: readonly TopicPartition[]): void {
    for (const at of list) this.#worker.own(at)
    const topics = new Set(list.map(({ topic }) => topic))
    for (const run of this.#worker.runs.values()) if (topics.has(run.outlet.topic)) this.#starter.want(run)
  }

  #groupFree(run: OutletRun): void {
    if (this.#worker.runs.get(run.outlet.uid) === run) this.#starter.want(run)
  }

  /** Checked before each send and commit too; here what is in flight already is aborted. */
  #checkAlive(): void {
    const { alive } = this.#membership
    if (alive === this.#alive) return
    this.#alive = alive
    if (alive) return this.#worker.resume()
    this.#worker.suspend()
    this.#starter.suspend()
  }

  #committed(cursors: readonly Cursor[], error: unknown): void {
    const runs = new Set(cursors.map((cursor) => this.#worker.runOf(cursor)))
    for (const run of runs) {
      if (run === undefined || run.released) continue
      if (error instanceof Fault && error.code === 'GroupInUse') this.#groups.inUse(run, error)
      else run.logState(faultSource.commit, error)
    }
  }

  #metadataRefused(length: number): void {
    const what = `offset.metadata.max.bytes is below ${length}`
    const then = 'a restart may repeat events that were finished'
    this.#parts.logger.warn({ length }, `Kafka refuses the metadata of a commit: ${what}. It is left out, so ${then}.`)
  }

  #snapshot(run: OutletRun): OutletSnapshot {
    return snapshotOf(run, (cursor) => this.#worker.partition(cursor.place.at)?.end)
  }

  #newCatchUp(): CatchUp {
    const { catchUpBytes: readBytes, catchUpReads: maxReads, retryMs } = this.#options
    return new CatchUp({
      reader: this.#parts.reader,
      budget: this.#budget,
      readBytes,
      maxReads,
      retryMs,
      expired: (cursor, lost) => this.#worker.expired(cursor, lost),
      cut: (cursor) => this.#worker.wake(cursor.place.at.topic),
      state: (cursor, error) => this.#worker.readState(cursor, error),
    })
  }

  #newCommitter(mayAct: () => boolean): Committer<Cursor> {
    const {
      commitIntervalMs: intervalMs,
      commitOutcomes: outcomes,
      commitsPerSecond: perSecond,
      retryMs,
    } = this.#options
    return new Committer({
      positions: this.#positions,
      clock: this.#parts.clock,
      ...{ intervalMs, outcomes, perSecond, retryMs, mayAct },
      firstStart: (cursor) => this.#worker.runOf(cursor)?.firstStart ?? { at: 0, partitions: 0 },
      outcome: (cursors, error) => this.#committed(cursors, error),
    })
  }

  #newWorker(): Worker {
    const { reader, reporter, clock, logger } = this.#parts
    const [services, origins, lines] = [this.#services, this.#origins, this.#lines]
    return new Worker({
      budget: this.#budget,
      ringBytes: this.#options.ringBytes,
      clock,
      tail: (handler) => reader.tail(handler),
      range: (at) => reader.range(at),
      catchUp: this.#catchUp,
      committer: this.#committer,
      newRun: (outlet, share) => new OutletRun(outlet, { services, share, origins, reporter, clock, logger, lines }),
    })
  }

  #newStarter(mayAct: () => boolean): Starter {
    const { retryMs, startGraceMs: graceMs } = this.#options
    return new Starter({
      ...{ reader: this.#parts.reader, positions: this.#positions, admin: this.#parts.admin },
      ...{ vault: this.#parts.vault, clock: this.#parts.clock, logger: this.#parts.logger },
      ...{ retryMs, graceMs, mayAct, signal: this.#stop.signal },
      partitionsOf: (topic) => this.#topics.counts.get(topic),
      idOf: (topic) => this.#topics.ids.get(topic),
      hasStarted: this.#parts.hasStarted ?? (() => false),
      missing: (run) => this.#worker.missing(run),
      ownsLowest: (topic) => ownsLowest(this.#worker, topic),
      siblings: (group) => this.#worker.siblings.of(group),
      speaksFor: (group) => ownsLowest(this.#worker, firstTopic(this.#worker, this.#topics, group) ?? ''),
      idle: (group) => this.#roster.idle(group),
      exclusively: (group, work) => this.#committer.exclusively(group, work),
      open: (run, partition, progress, leaderEpoch) => this.#worker.open(run, partition, progress, leaderEpoch),
      quiet: () => this.#worker.admit(),
      inUse: (run, error) => this.#groups.inUse(run, error),
    })
  }

  #newUpkeep(): Upkeep {
    const { admin, clock } = this.#parts
    return new Upkeep({
      ...{ admin, clock, signal: this.#stop.signal, options: this.#options },
      ...{ worker: this.#worker, committer: this.#committer, topics: this.#topics, groups: this.#groups },
      checkAlive: () => this.#checkAlive(),
    })
  }

  #newTopics(): Topics {
    return new Topics({
      admin: this.#parts.admin,
      intervalMs: this.#options.topicsIntervalMs,
      retryMs: this.#options.retryMs,
      wanted: () => this.#worker.topics,
      known: (counts, asked) => this.#topicsKnown(counts, asked),
      failed: (error, asked) => {
        for (const topic of asked) for (const run of this.#worker.runsOf(topic)) run.logState('topic', error)
      },
    })
  }

  /** @param asked what the answer speaks of: of topics that are wanted since then it says nothing. */
  #topicsKnown(counts: ReadonlyMap<string, number>, asked: readonly string[]): void {
    this.#sharing.share(counts)
    for (const topic of asked) {
      const fault = counts.has(topic) ? null : new Fault('TopicNotFound', `Topic ${topic} does not exist (yet).`)
      for (const run of this.#worker.runsOf(topic)) {
        run.logState('topic', fault)
        if (fault !== null) continue
        this.#starter.want(run)
        this.#starter.look(run)
      }
    }
  }
}
