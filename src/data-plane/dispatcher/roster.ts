import type { Outlet } from '../../contract/outlet.ts'
import type { RouteChange, RouteSet } from '../../contract/route-source.ts'
import type { OutletRun } from './delivering/outlet-run.ts'
import type { Committer } from './positions/committer.ts'
import type { Starter } from './positions/starter.ts'
import type { Cursor } from './reading/cursor.ts'
import type { Topics } from './topics.ts'
import type { Worker } from './worker.ts'

export interface RosterParts {
  readonly outlets: RouteSet<Outlet>
  readonly worker: Worker
  readonly committer: Committer<Cursor>
  readonly starter: Starter
  readonly topics: Topics
}

/** Outlets come, change and go: what that means for those that work for them. */
export class Roster {
  readonly #parts: RosterParts
  /** Outlets that were let go and still have something under way, by group. */
  readonly #leaving = new Map<string, Promise<void>>()
  #unsubscribe: () => void = () => {}

  constructor(parts: RosterParts) {
    this.#parts = parts
  }

  /** Takes in what is there, and follows what changes until `close`. */
  open(): void {
    for (const outlet of this.#parts.outlets.current.values()) this.#set(outlet)
    this.#unsubscribe = this.#parts.outlets.subscribe((change) => this.#changed(change))
  }

  close(): void {
    this.#unsubscribe()
  }

  /** Resolves when nothing is being committed for this group. */
  async idle(group: string): Promise<void> {
    await this.#leaving.get(group)
    await this.#parts.committer.idle(group)
  }

  /** Resolves when nothing is under way for those that were let go. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving.values())
  }

  #changed(change: RouteChange<Outlet>): void {
    if (change.kind === 'set') return this.#set(change.value)
    const run = this.#parts.worker.runs.get(change.uid)
    if (run !== undefined) this.#remove(run, true)
  }

  #set(outlet: Outlet): void {
    const { worker, starter, topics } = this.#parts
    const run = worker.runs.get(outlet.uid)
    if (run !== undefined && run.outlet.topic === outlet.topic && run.outlet.group === outlet.group) {
      return worker.change(run, outlet)
    }
    if (run !== undefined) this.#remove(run, false)
    const added = worker.add(outlet)
    added.report()
    if (topics.counts.has(outlet.topic)) starter.want(added)
    else topics.look()
  }

  /** Lets an Outlet go without a final commit, which would bring back a group that is being deleted. @param tell report it. */
  #remove(run: OutletRun, tell: boolean): void {
    const { group } = run.outlet
    this.#parts.worker.remove(run)
    // another one of this group may be leaving too: `idle` waits for it
    const leaving = Promise.all([this.#parts.starter.settled(run), this.idle(group)]).then(() => {
      if (this.#leaving.get(group) === leaving) this.#leaving.delete(group)
      if (tell) run.tellReleased()
    })
    this.#leaving.set(group, leaving)
  }
}
