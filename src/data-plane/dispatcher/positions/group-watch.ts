import type { Fault } from '../../../core/fault.ts'
import type { LogAdmin } from '../../../kafka/log.ts'
import type { OutletRun } from '../delivering/outlet-run.ts'
import { Turnstile } from './turnstile.ts'

export interface GroupWatchHost {
  readonly admin: LogAdmin
  readonly signal: AbortSignal
  readonly retryMs: number
  /** Stops all work for the Outlet, without a commit. */
  letGo(run: OutletRun): void
  /** The same, with a commit of what is finished. */
  handBack(run: OutletRun): Promise<void>
  /** The group is free: the Outlet goes on where the group stands now. */
  free(run: OutletRun): void
  /** The Outlets of this process that share the group. */
  siblings(group: string): readonly OutletRun[]
}

const LONGEST_MS = 30_000

/**
 * Outlets whose group belongs to someone else at the moment: they are paused, and the group is asked for with backoff until it has no live
 * members. Then the Outlet goes on at the group's positions, not at ours: the other one has delivered meanwhile.
 */
export class GroupWatch {
  readonly #host: GroupWatchHost
  /** All groups are checked at the same time: the log shall notice little of that. */
  readonly #checks = new Turnstile(8)

  constructor(host: GroupWatchHost) {
    this.#host = host
  }

  /** All Outlets that share the group pause, those too that had nothing to commit. */
  inUse({ outlet }: OutletRun, error: Fault): void {
    for (const run of this.#host.siblings(outlet.group)) this.#pause(run, error)
  }

  #pause(run: OutletRun, error: Fault): void {
    if (run.inUse || run.released) return
    run.inUse = true
    // it has or had members now, so it would lose its positions some day: to be looked at again
    run.adopted = false
    run.setFault('group', 'GroupInUse', error.message)
    this.#host.letGo(run)
    this.#probeIn(run, this.#host.retryMs)
  }

  /** Someone may have joined the group and left it again since: then it loses its positions some day, unless it is made anew. */
  async check(run: OutletRun): Promise<void> {
    if (run.inUse || run.released) return
    try {
      const { admin, signal } = this.#host
      const { kind } = await this.#checks.pass(() => admin.describeGroup(run.outlet.group, signal))
      if (kind !== 'consumer' || run.released || run.inUse) return
    } catch {
      // the next check comes
      return
    }
    const runs = this.#host.siblings(run.outlet.group).filter(({ inUse }) => !inUse)
    for (const one of runs) one.adopted = false
    await Promise.all(runs.map((one) => this.#host.handBack(one)))
    for (const one of runs) this.#host.free(one)
  }

  #probeIn(run: OutletRun, ms: number): void {
    const timer = setTimeout(() => {
      this.#host.signal.removeEventListener('abort', stop)
      void this.#probe(run, ms)
    }, ms)
    const stop = (): void => clearTimeout(timer)
    this.#host.signal.addEventListener('abort', stop, { once: true })
  }

  async #probe(run: OutletRun, waited: number): Promise<void> {
    if (run.released || this.#host.signal.aborted) return
    const free = await this.#isFree(run)
    if (run.released || this.#host.signal.aborted) return
    if (!free) return this.#probeIn(run, Math.min(waited * 2, LONGEST_MS))
    run.inUse = false
    run.clearFault('group')
    this.#host.free(run)
  }

  async #isFree(run: OutletRun): Promise<boolean> {
    try {
      const { admin, signal } = this.#host
      const { liveMembers } = await this.#checks.pass(() => admin.describeGroup(run.outlet.group, signal))
      return liveMembers === 0
    } catch {
      // the log cannot be reached: the Outlet stays paused
      return false
    }
  }
}
