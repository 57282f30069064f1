import type { Clock } from '../../../core/clock.ts'
import type { OutletRun } from '../delivering/outlet-run.ts'
import { faultSource } from '../fault-source.ts'
import { adopt, type AdoptionParts } from './adopt.ts'
import { Turnstile } from './turnstile.ts'

export interface AdopterHost extends Omit<AdoptionParts, 'topics'> {
  readonly clock: Clock
  /** The Outlets of this process that share the group. */
  siblings(group: string): readonly OutletRun[]
  /** Whether it is for this process to make the group anew. */
  speaksFor(group: string): boolean
  /** Works while nothing is committed for the group. */
  exclusively<T>(group: string, work: () => Promise<T>): Promise<T>
}

/** Who waits for another process that makes the group anew goes on without, unless it is known to have begun. */
const PATIENCE_MS = 5_000

/** Sees to it that groups keep their positions: each once for all Outlets that share it. */
export class Adopter {
  readonly #host: AdopterHost
  readonly #calls = new Turnstile(256)
  /** Since when Outlets wait for somebody else. */
  readonly #waiting = new WeakMap<OutletRun, number>()

  constructor(host: AdopterHost) {
    this.#host = host
  }

  /** @returns false: not yet, ask again. @throws as `adopt`. */
  async adopted(run: OutletRun): Promise<boolean> {
    if (run.adopted) return true
    const { group } = run.outlet
    await this.#calls.pass(() => this.#host.exclusively(group, () => this.#adopt(run, group)))
    return run.adopted
  }

  /**
   * Of a group that was left as it is: whether its positions, which were read after `adopted`, were its own. It may have been deleted and not
   * yet been made anew at that moment.
   */
  async stillHolds(run: OutletRun): Promise<boolean> {
    if (!run.unconverted) return true
    const { admin, signal } = this.#host
    const { kind } = await admin.describeGroup(run.outlet.group, signal)
    if (kind === 'consumer') return true
    run.adopted = false
    return false
  }

  async #adopt(run: OutletRun, group: string): Promise<void> {
    const siblings = this.#host.siblings(group)
    const done = siblings.find((other) => other.adopted && !other.inUse)
    if (done !== undefined) return settle(run, done.unconverted)
    const topics = new Set(siblings.map(({ outlet }) => outlet.topic))
    const mine = this.#host.speaksFor(group)
    const adoption = await adopt(group, mine, { ...this.#host, topics })
    if (adoption.kind === 'adopted') {
      for (const one of siblings) one.clearFault(faultSource.positions)
      settle(run, false)
    } else if (adoption.kind === 'refused') {
      run.setFault(faultSource.positions, 'PositionsExpire', refusal(group, adoption.why))
      settle(run, true)
    } else if (!adoption.begun && this.#waitedEnough(run)) settle(run, true)
  }

  #waitedEnough(run: OutletRun): boolean {
    const now = this.#host.clock.monotonic()
    const since = this.#waiting.get(run) ?? now
    this.#waiting.set(run, since)
    return now - since >= PATIENCE_MS
  }
}

function settle(run: OutletRun, unconverted: boolean): void {
  run.adopted = true
  run.unconverted = unconverted
}

function refusal(group: string, why: string): string {
  return (
    `Consumer group ${group} had members of another program, so Kafka forgets its positions some time after the last of them left ` +
    `(offsets.retention.minutes). Millrace would make it anew, but ${why}. Events are delivered all the same; if no dispatcher runs at that ` +
    'moment, they are delivered again from the start of the log. Allow Millrace to Delete the group.'
  )
}
