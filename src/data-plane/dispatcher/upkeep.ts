import type { Clock } from '../../core/clock.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import type { DispatcherOptions } from './options.ts'
import type { Committer } from './positions/committer.ts'
import type { GroupWatch } from './positions/group-watch.ts'
import { Refresher } from './positions/refresher.ts'
import type { Cursor } from './reading/cursor.ts'
import type { Topics } from './topics.ts'
import { LOWEST, type Worker } from './worker.ts'

const ALIVE_MS = 100

export interface UpkeepParts {
  readonly admin: LogAdmin
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly options: DispatcherOptions
  readonly worker: Worker
  readonly committer: Committer<Cursor>
  readonly topics: Topics
  readonly groups: GroupWatch
  /** Whether this process may act may have changed. */
  checkAlive(): void
}

/** What has to be done from time to time, whatever happens: positions are committed that nobody moved, groups are looked at. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #timers: NodeJS.Timeout[] = []

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    const { admin, clock, signal, options } = parts
    this.#timers.push(
      setInterval(() => parts.checkAlive(), ALIVE_MS),
      setInterval(() => this.#commitAll(false), options.idleCommitMs),
    )
    const refresh = (): void => this.#refresh()
    new Refresher({ admin, clock, signal, longestMs: options.refreshMs, refresh }).start()
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** @param unmoved commit also what did not move: the log forgets positions that are not committed for long. */
  #commitAll(unmoved: boolean): void {
    const { worker, committer } = this.#parts
    for (const cursor of worker.cursors) {
      if (unmoved || cursor.position !== cursor.committed) committer.touch(cursor)
    }
  }

  #refresh(): void {
    this.#commitAll(true)
    const { worker, topics, groups } = this.#parts
    // of those that share a group one asks for all
    for (const run of worker.runs.values()) {
      const { group, topic } = run.outlet
      if (ownsLowest(worker, topic) && firstTopic(worker, topics, group) === topic) void groups.check(run)
    }
  }
}

/** The topic whose owner speaks for the group. */
export function firstTopic(worker: Worker, { counts }: Topics, group: string): string | undefined {
  return worker.siblings.firstTopic(group, (topic) => counts.has(topic))
}

/** Whether this process is the one that speaks for all partitions of the topic. */
export function ownsLowest(worker: Worker, topic: string): boolean {
  return worker.partition({ topic, partition: LOWEST }) !== undefined
}
