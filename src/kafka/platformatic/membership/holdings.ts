import { inTime } from '../../../core/deadline.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { MembershipHandler, TopicPartition } from '../../log.ts'
import type { Shares } from './slots.ts'
import { intersection, none, toPartitions, union, without } from './shares.ts'

/**
 * What this member holds, and the only place that calls its handler: one call after the other, since the membership's loop awaits each.
 * An error of the handler is logged: it must not cost the member its membership.
 */
export class Holdings {
  readonly #handler: MembershipHandler
  readonly #logger: Logger
  #owned: Shares = none

  constructor(handler: MembershipHandler, logger: Logger) {
    this.#handler = handler
    this.#logger = logger
  }

  get owned(): Shares {
    return this.#owned
  }

  take(granted: Shares): void {
    const added = without(granted, this.#owned)
    if (added.size === 0) return
    this.#owned = union(this.#owned, added)
    this.#guard('assigned', () => this.#handler.assigned(toPartitions(added)))
  }

  /**
   * Resolves when the handler has let go, when `deadlineMs` passed, or when `cut` aborted (then its deadline came earlier).
   * The partitions count as held until then.
   */
  async release(released: Shares, deadlineMs: number, cut?: AbortSignal): Promise<void> {
    const given = intersection(released, this.#owned)
    if (given.size === 0) return
    const partitions = toPartitions(given)
    const revoked = await inTime(this.#revoke(partitions, deadlineMs), { ms: deadlineMs, signal: cut })
    if (revoked.late)
      this.#logger.warn({ partitions: partitions.length }, 'a handover was not finished by its deadline')
    this.#owned = without(this.#owned, given)
  }

  /** Someone else may hold all of it already. */
  lose(): void {
    const lost = toPartitions(this.#owned)
    this.#owned = none
    if (lost.length > 0) this.#guard('lost', () => this.#handler.lost(lost))
  }

  async #revoke(partitions: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    try {
      await this.#handler.revoked(partitions, deadlineMs)
    } catch (error) {
      this.#complain('revoked', error)
    }
  }

  #guard(call: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#complain(call, error)
    }
  }

  #complain(call: string, error: unknown): void {
    this.#logger.error({ err: error, call }, 'a membership handler failed')
  }
}
