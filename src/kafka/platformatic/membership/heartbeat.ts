import type { Clock } from '../../../core/clock.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { kafkaErrorCode } from '../faults.ts'

/** Who we are in which generation. */
export interface Identity {
  readonly memberId: string
  readonly generation: number
}

/**
 * What the pulse found out about the current identity.
 * `rebalance`: rejoin, nothing is lost. `gone`: the group went on without us. `fenced`: another process took our instance name.
 * `expired`: no proof for a whole session timeout, so the group may have gone on.
 */
export type Verdict = 'rebalance' | 'gone' | 'fenced' | 'expired'

const verdicts: Readonly<Record<string, Verdict>> = {
  REBALANCE_IN_PROGRESS: 'rebalance',
  UNKNOWN_MEMBER_ID: 'gone',
  ILLEGAL_GENERATION: 'gone',
  FENCED_INSTANCE_ID: 'fenced',
}

/** Also with a long session, so that a member notices soon that the fleet changes. */
const INTERVAL_MAX_MS = 1_000
/** While a handover is under way the next generation comes soon: asking often makes handovers short. */
const HURRY_MS = 100

export interface HeartbeatOptions {
  readonly link: CoordinatorLink
  readonly group: string
  readonly instance: string
  readonly sessionTimeoutMs: number
  readonly clock: Clock
  /** Called after each new verdict. */
  readonly changed: () => void
}

/**
 * The pulse of a member: proves to the coordinator that we live, and to ourselves that the coordinator thinks so.
 *
 *     send (time is taken) ──► answered well or REBALANCE_IN_PROGRESS ──► proof: the session lasts from the time of sending
 *                          └─► no answer ──► again; 2/3 of a session without proof: not alive; a whole one: expired
 *
 * The time of sending counts, never that of the answer: an answer may lie in the socket while this process is frozen. The clock goes on
 * while it is frozen, so the first look at {@link alive} afterwards is right before any timer or answer was handled.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #intervalMs: number
  readonly #watch: NodeJS.Timeout
  #identity: Identity | null = null
  #provenAt = -Infinity
  #verdict: Verdict | null = null
  #rejoining = false
  #inFlight = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #hurry = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#intervalMs = Math.min(INTERVAL_MAX_MS, options.sessionTimeoutMs / 10)
    this.#watch = setInterval(() => this.#checkExpiry(), this.#intervalMs)
  }

  /** Beat often from now on, or not. */
  hurry(hurry: boolean): void {
    if (this.#hurry === hurry) return
    this.#hurry = hurry
    this.#schedule()
  }

  /** Read before every send: one subtraction. */
  get alive(): boolean {
    if (this.#identity === null || (this.#verdict !== null && this.#verdict !== 'rebalance')) return false
    return this.#age() < (this.#options.sessionTimeoutMs * 2) / 3
  }

  /** About the identity of now; `expired` is found out at the time of asking. */
  get verdict(): Verdict | null {
    this.#checkExpiry()
    return this.#verdict
  }

  /** A new identity (proven at `provenAt`) or none. What was found out about the old one is forgotten. */
  identify(identity: Identity | null, provenAt = -Infinity): void {
    this.#identity = identity
    this.#verdict = null
    this.#rejoining = false
    this.#provenAt = identity === null ? -Infinity : Math.max(this.#provenAt, provenAt)
    this.#schedule()
  }

  /**
   * A join is under way: the coordinator may be a generation ahead of what we know, so its complaints about our identity mean nothing
   * until the join is answered. They are no proof either.
   */
  rejoining(): void {
    this.#rejoining = true
  }

  /** The coordinator accepted something that we sent at `sentAt`. */
  proven(sentAt: number): void {
    this.#provenAt = Math.max(this.#provenAt, sentAt)
  }

  close(): void {
    this.#closed = true
    this.#identity = null
    clearTimeout(this.#timer)
    clearInterval(this.#watch)
  }

  #age(): number {
    return this.#options.clock.monotonic() - this.#provenAt
  }

  #checkExpiry(): void {
    if (this.#identity !== null && this.#age() >= this.#options.sessionTimeoutMs) this.#find('expired')
  }

  /** A worse verdict stays: after `gone` nothing is better than a new identity. */
  #find(verdict: Verdict): void {
    if (this.#verdict === verdict || (this.#verdict !== null && verdict === 'rebalance')) return
    if (this.#verdict === 'gone' || this.#verdict === 'fenced') return
    this.#verdict = verdict
    this.#options.changed()
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#identity === null || this.#inFlight) return
    const wait = this.#hurry ? Math.min(HURRY_MS, this.#intervalMs) : this.#intervalMs
    this.#timer = setTimeout(() => void this.#beat(), wait)
  }

  async #beat(): Promise<void> {
    const identity = this.#identity
    if (identity === null || this.verdict === 'expired') return
    const { link, group, instance, clock } = this.#options
    const sentAt = clock.monotonic()
    this.#inFlight = true
    try {
      await link.call((connection) =>
        connection.calls.heartbeat.async(connection, group, identity.generation, identity.memberId, instance),
      )
      if (this.#identity === identity) this.proven(sentAt)
    } catch (error) {
      if (this.#identity === identity) this.#refused(kafkaErrorCode(error), sentAt)
    } finally {
      this.#inFlight = false
      this.#schedule()
    }
  }

  #refused(code: string | null, sentAt: number): void {
    const verdict = code === null ? undefined : verdicts[code]
    if (verdict === undefined) return
    if (verdict === 'rebalance') this.proven(sentAt)
    if (!this.#rejoining) this.#find(verdict)
  }
}
