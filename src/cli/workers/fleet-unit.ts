import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import type { MembershipHandler, TopicPartition } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** The topics that a unit works on, known or not, and how many partitions each had when somebody knew. */
export type WantedTopics = () => ReadonlyMap<string, number | undefined>

/** What a unit is told, beside what a membership tells. */
export interface FleetHandler extends MembershipHandler {
  /**
   * The topics of which the fleet gave the lowest partition to this process while the unit does not know them (any more): it speaks for them,
   * and serves nothing. Each call replaces the one before.
   */
  standsFor?(topics: ReadonlySet<string>): void
}

export interface FleetUnitParts {
  readonly handler: FleetHandler
  /** What the fleet has given to this process for this unit, by {@link nameOf}; changed by the hub. */
  readonly granted: ReadonlyMap<string, TopicPartition>
  readonly wanted: WantedTopics
  /** Of the membership of the process. */
  alive(): boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** Names a partition within a unit. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** A unit that knows a topic no more lets go of it by itself, within this time, milliseconds. */
const letGoMs = 20_000

/**
 * The part of one unit in the membership of its process. Its handler is told what it would be told by a membership of its own, and its calls
 * do not overlap: what is granted while it hands over waits.
 *
 *     granted (by the fleet) ∩ known (to the unit) − told (to the handler) ─► assigned, unless it is handing over or closing
 *     told − known ─► revoked
 */
export class FleetUnit {
  readonly #parts: FleetUnitParts
  readonly #told = new Map<string, TopicPartition>()
  /** A handover under way. */
  #busy: Promise<unknown> | null = null
  #closed: Promise<void> | null = null
  #over = false
  /** What the unit shares. */
  #known: ReadonlySet<string> = new Set()
  #standing: ReadonlySet<string> = new Set()

  constructor(parts: FleetUnitParts) {
    this.#parts = parts
  }

  get alive(): boolean {
    return !this.#over && this.#parts.alive()
  }

  /** What the unit shares is this. */
  knows(partitions: readonly TopicPartition[]): void {
    this.#known = new Set(partitions.map(nameOf))
    this.settle()
  }

  /** Tells the handler of what is granted and known, and not told; takes back what is not known any more. */
  settle(): void {
    if (this.#busy !== null || this.#closed !== null) return
    this.#stand()
    const unknown = [...this.#told].filter(([name]) => !this.#known.has(name))
    if (unknown.length > 0) {
      const part = unknown.map(([, at]) => at)
      return void this.#handOver(part, letGoMs)
    }
    const added = [...this.#parts.granted].filter(([name]) => this.#known.has(name) && !this.#told.has(name))
    if (added.length === 0) return
    for (const [name, at] of added) this.#told.set(name, at)
    this.#guard('assigned', () => this.#parts.handler.assigned(added.map(([, at]) => at)))
  }

  /** Resolves when the handler has let go of these, at the latest after `deadlineMs`; what it did not come to then is lost to it. */
  async revoke(list: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    const left = this.#until(deadlineMs)
    while (this.#busy !== null && this.#closed === null)
      // the next owner begins at the deadline, whatever it was that was being let go
      if ((await inTime(this.#busy, { ms: left() })).late) return this.lose(list)
    if (this.#closed !== null) return void (await inTime(this.#closed, { ms: left() }))
    const part = list.filter((at) => this.#told.has(nameOf(at)))
    if (part.length > 0) await this.#handOver(part, left())
    else this.settle()
  }

  /** Someone else may own these already. */
  lose(list: readonly TopicPartition[]): void {
    const part = list.filter((at) => this.#told.delete(nameOf(at)))
    if (part.length > 0 && this.#closed === null) this.#guard('lost', () => this.#parts.handler.lost(part))
    this.settle()
  }

  /** Lets go of everything; then it is not alive any more. At the latest after `deadlineMs`. */
  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(this.#until(deadlineMs))
    return this.#closed
  }

  #stand(): void {
    const lowest = [...this.#parts.granted.values()].filter((at) => at.partition === 0 && !this.#known.has(nameOf(at)))
    if (lowest.length === 0 && this.#standing.size === 0) return
    const wanted = this.#parts.wanted()
    const standing = new Set(lowest.flatMap(({ topic }) => (wanted.has(topic) ? topic : [])))
    if (standing.size === this.#standing.size && standing.isSubsetOf(this.#standing)) return
    this.#standing = standing
    this.#guard('standsFor', () => this.#parts.handler.standsFor?.(standing))
  }

  async #close(left: () => number): Promise<void> {
    if (this.#busy !== null) await inTime(this.#busy, { ms: left() })
    const all = [...this.#told.values()]
    const isAlive = this.#parts.alive()
    if (all.length > 0 && isAlive) await inTime(this.#revoked(all, left()), { ms: left() })
    this.#over = true
    this.#told.clear()
    if (all.length > 0 && !isAlive) this.#guard('lost', () => this.#parts.handler.lost(all))
  }

  async #handOver(part: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    const over = this.#revoked(part, deadlineMs).then(() => {
      this.#busy = null
      this.settle()
    })
    this.#busy = over
    await inTime(over, { ms: deadlineMs })
  }

  async #revoked(part: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    try {
      await this.#parts.handler.revoked(part, deadlineMs)
    } catch (error) {
      this.#complain('revoked', error)
    }
    for (const at of part) this.#told.delete(nameOf(at))
  }

  #until(ms: number): () => number {
    const { clock } = this.#parts
    const end = clock.monotonic() + ms
    return () => Math.max(0, end - clock.monotonic())
  }

  /** What one unit's handler throws is no reason to leave the others untold. */
  #guard(call: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#complain(call, error)
    }
  }

  #complain(call: string, error: unknown): void {
    this.#parts.logger.error({ err: error, call }, 'a handler of the fleet failed')
  }
}
