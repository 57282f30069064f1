import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Membership, MembershipHandler, MembershipOptions, TopicPartition } from '../../log.ts'
import type { Settled } from './assignor.ts'
import type { Bounds, Shares } from './slots.ts'
import type { Cluster } from '../cluster.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { Condition } from './condition.ts'
import { kafkaErrorCode, toFault } from '../faults.ts'
import { GroupCalls, settingsOf } from './group-calls.ts'
import type { GroupSettings, Joined } from './group-calls.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Identity } from './heartbeat.ts'
import { Holdings } from './holdings.ts'
import { Interrupted } from './interrupted.ts'
import { digestOf } from './member-protocol.ts'
import type { Assignment } from './member-protocol.ts'
import { intersection, none, toBounds, toShares, unbounded, without } from './shares.ts'

/** Several topics usually come together: their partitions are shared out in one generation. */
const SHARE_DEBOUNCE_MS = 100
/** Before we ask again for a plan that could not be complete. */
const REPLAN_MS = 1_000
const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
/** Failures in a row; fewer pass by themselves: a fresh cluster has no coordinator for a second. */
const WARN_AT_FAILURE = 3
const FENCED_CHECK_MS = 2_000
/** What a handover may take of the rebalance timeout; the rest is for noticing, joining and a slow network. */
const HANDOVER_PART = 0.8
const LEAVE_MS = 2_000

/** Joins the fleet once the first partitions are shared, and stays in it, whatever happens, until it is closed. */
export function createMembership(
  cluster: Cluster,
  options: MembershipOptions,
  handler: MembershipHandler,
  { clock, logger }: { clock: Clock; logger: Logger },
): Membership {
  const settings = settingsOf(options)
  const facts = { group: settings.group, instance: settings.instance }
  return new Member(cluster, settings, handler, { clock, logger: logger.child(facts) })
}

/**
 * One loop; a state is a method that the loop is in.
 *
 *     idle ──share()──► joining ──► syncing ──► settling ──────────────► resting
 *                         ▲  ▲         │        1 take what is new          │
 *                         │  │         │        2 let go of the rest        │
 *                         │  └─────────┘          (heartbeats go on)        │
 *                         │   REBALANCE_IN_PROGRESS, all is kept            │
 *                         └────── we let go · share changed · a rebalance ◄─┘
 *
 *     any ── no answer, coordinator moved ──► pause ──► joining, with the same member id, all is kept
 *     any ── expired, unknown, wrong generation ──► lost() ──► joining as new, holding nothing
 *     any ── fenced ──► lost() ──► waiting until the other is gone ──► joining as new
 *     any ── close() ──► revoked() ──► leave (for good) or stay known (restart)
 *
 * Rejoining says what we hold, so the leader gives nothing of it to others: a partition that moves is taken from us in one generation, and
 * only when we have rejoined without it another gets it.
 */
class Member implements Membership {
  readonly #settings: GroupSettings
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #holdings: Holdings
  readonly #heart: Heartbeat
  /** For what waits at the broker. */
  readonly #waiting: CoordinatorLink
  readonly #pulse: CoordinatorLink
  readonly #calls: GroupCalls
  readonly #state = new Condition()
  readonly #closing = new AbortController()
  readonly #deadline = new AbortController()
  readonly #running: Promise<void>
  #closed: Promise<void> | null = null

  #share: Shares | null = null
  #most: Bounds = unbounded
  #shareTimer: NodeJS.Timeout | null = null
  #shareChanged = false
  #identity: Identity = { memberId: '', generation: -1 }
  #settled: Settled = { fleet: [], open: [], bounds: unbounded }
  #failures = 0

  constructor(
    cluster: Cluster,
    settings: GroupSettings,
    handler: MembershipHandler,
    { clock, logger }: { clock: Clock; logger: Logger },
  ) {
    const { group, instance, sessionTimeoutMs, rebalanceTimeoutMs } = settings
    this.#settings = settings
    this.#clock = clock
    this.#logger = logger
    this.#holdings = new Holdings(handler, logger)
    this.#waiting = new CoordinatorLink(cluster, group, rebalanceTimeoutMs + sessionTimeoutMs)
    this.#pulse = new CoordinatorLink(cluster, group, sessionTimeoutMs / 3)
    this.#calls = new GroupCalls(this.#waiting, settings, logger)
    const changed = (): void => this.#state.changed()
    this.#heart = new Heartbeat({ link: this.#pulse, group, instance, sessionTimeoutMs, clock, changed })
    this.#running = this.#run()
  }

  get alive(): boolean {
    return this.#heart.alive
  }

  share(partitions: readonly TopicPartition[], bounds: Bounds = unbounded): void {
    const share = toShares(partitions)
    const most = toBounds(bounds, share)
    if (this.#share !== null && digestOf(share, most) === digestOf(this.#share, this.#most)) return
    this.#share = share
    this.#most = most
    this.#shareTimer ??= setTimeout(() => {
      this.#shareTimer = null
      this.#shareChanged = true
      this.#state.changed()
    }, SHARE_DEBOUNCE_MS)
  }

  close(options: { forGood: boolean; deadlineMs: number }): Promise<void> {
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  async #run(): Promise<void> {
    await this.#state.until(() => this.#shareChanged || this.#closing.signal.aborted)
    while (!this.#closing.signal.aborted) {
      try {
        const share = this.#share ?? none
        const most = this.#most
        this.#shareChanged = false
        const joined = await this.#join(share, most)
        const assignment = await this.#sync(joined)
        this.#recovered()
        const released = await this.#settle(intersection(assignment.partitions, share))
        await this.#rest({ joined, assignment, released, share: digestOf(share, most) })
      } catch (error) {
        await this.#recover(error)
      }
    }
  }

  async #join(share: Shares, most: Bounds): Promise<Joined> {
    this.#throwIfInterrupted()
    const { memberId, generation } = this.#identity
    const owned = this.#holdings.owned
    const sentAt = this.#clock.monotonic()
    this.#heart.rejoining()
    const metadata = { share, most, owned, generation }
    const joined = await this.#interruptible(this.#calls.join(memberId, metadata, this.#settled))
    this.#identity = { memberId: joined.memberId, generation: joined.generation }
    // Who holds nothing has nothing to prove yet, and may have waited at the broker for long.
    this.#heart.identify(this.#identity, owned.size === 0 ? this.#clock.monotonic() : sentAt)
    return joined
  }

  async #sync(joined: Joined): Promise<Assignment> {
    const sentAt = this.#clock.monotonic()
    const assignment = await this.#interruptible(this.#calls.sync(joined))
    this.#heart.proven(sentAt)
    this.#heart.hurry(assignment.moving)
    this.#settled = { fleet: assignment.fleet, open: assignment.open, bounds: assignment.bounds }
    return assignment
  }

  /** What is new is free: nobody waits for what we let go. @returns whether something was let go. */
  async #settle(granted: Shares): Promise<boolean> {
    const excess = without(this.#holdings.owned, granted)
    this.#holdings.take(granted)
    if (excess.size === 0) return false
    const deadlineMs = Math.round(this.#settings.rebalanceTimeoutMs * HANDOVER_PART)
    await this.#holdings.release(excess, deadlineMs, this.#deadline.signal)
    return true
  }

  /** Stays until there is a reason to rejoin. */
  async #rest(state: { joined: Joined; assignment: Assignment; released: boolean; share: string }): Promise<void> {
    if (state.released) return this.#throwIfInterrupted()
    const blocked = state.joined.plan?.blocked === true || state.assignment.share !== state.share
    const outdated = (): boolean => this.#heart.verdict === 'rebalance' || this.#shareChanged
    await this.#state.until(() => this.#interruption() !== null || outdated(), blocked ? REPLAN_MS : undefined)
    this.#throwIfInterrupted()
  }

  async #recover(error: unknown): Promise<void> {
    const why = error instanceof Interrupted ? error.why : kafkaErrorCode(error)
    switch (why) {
      case 'closing':
      case 'REBALANCE_IN_PROGRESS':
        return
      case 'gone':
      case 'expired':
      case 'UNKNOWN_MEMBER_ID':
      case 'ILLEGAL_GENERATION':
        return this.#lose(why)
      case 'fenced':
      case 'FENCED_INSTANCE_ID':
        this.#lose(why)
        return this.#waitWhileFenced()
      case null:
      default:
        return this.#backOff(error)
    }
  }

  #lose(why: string): void {
    this.#heart.identify(null)
    this.#waiting.drop()
    this.#pulse.drop()
    this.#identity = { memberId: '', generation: -1 }
    this.#logger.warn({ why }, 'this member was away too long: its partitions may be served by others now; it rejoins')
    this.#holdings.lose()
  }

  /** The newer process keeps the name. Taking it back would only fence that one, which would take it back, and so on. */
  async #waitWhileFenced(): Promise<void> {
    this.#logger.error({}, 'another process has joined under the same instance name; this one waits until that is gone')
    const closing = (): boolean => this.#closing.signal.aborted
    let taken: boolean | undefined = true
    while (taken === true && !closing()) {
      await this.#state.until(closing, FENCED_CHECK_MS)
      taken = await this.#state.unless(
        closing,
        this.#calls.isInstanceTaken().catch(() => true),
      )
    }
  }

  async #backOff(error: unknown): Promise<void> {
    this.#failures += 1
    if (this.#failures === WARN_AT_FAILURE) {
      const { code, message } = toFault(error, 'membership')
      this.#logger.warn({ code, reason: message }, 'the group cannot be joined now; trying again until it can')
    }
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 10))
    await this.#state.until(() => this.#interruption() !== null, most * (0.5 + Math.random() / 2))
  }

  #recovered(): void {
    if (this.#failures >= WARN_AT_FAILURE) this.#logger.info({ attempts: this.#failures }, 'in the group again')
    this.#failures = 0
  }

  #interruption(): Interrupted['why'] | null {
    if (this.#closing.signal.aborted) return 'closing'
    const verdict = this.#heart.verdict
    return verdict === 'rebalance' ? null : verdict
  }

  #throwIfInterrupted(): void {
    const why = this.#interruption()
    if (why !== null) throw new Interrupted(why)
  }

  /** A call that is given up when we are closed or the session expires meanwhile; also when that is found out only with the answer. */
  async #interruptible<T>(call: Promise<T>): Promise<T> {
    const answer = await this.#state.unless(() => this.#interruption() !== null, call)
    this.#throwIfInterrupted()
    return answer as T
  }

  async #close({ forGood, deadlineMs }: { forGood: boolean; deadlineMs: number }): Promise<void> {
    const leaveMs = forGood ? Math.min(LEAVE_MS, deadlineMs / 4) : 0
    const deadline = this.#clock.monotonic() + deadlineMs - leaveMs
    const timer = setTimeout(() => this.#deadline.abort(), deadlineMs - leaveMs)
    this.#closing.abort()
    this.#state.changed()
    await this.#running
    if (this.#heart.alive) {
      await this.#holdings.release(this.#holdings.owned, Math.max(0, Math.round(deadline - this.#clock.monotonic())))
    }
    this.#holdings.lose()
    clearTimeout(timer)
    if (forGood) await this.#leave(leaveMs)
    this.#heart.close()
    this.#waiting.close()
    this.#pulse.close()
    if (this.#shareTimer !== null) clearTimeout(this.#shareTimer)
  }

  /** Failing is no harm: the session ends by itself. Without a member id we would throw out whoever has our instance name now. */
  async #leave(withinMs: number): Promise<void> {
    if (this.#identity.memberId === '') return
    // A join that was given up may still wait at the broker and hold up what comes after it.
    this.#waiting.drop()
    try {
      await this.#state.unless(() => false, this.#calls.leave(this.#identity.memberId), withinMs)
    } catch (error) {
      this.#logger.info(
        { reason: toFault(error, 'leaving').message },
        'could not leave the group; it notices by itself',
      )
    }
  }
}
