import type { Clock } from '../core/clock.ts'
import { inTime } from '../core/deadline.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient } from './client.ts'
import { asFault } from './faults.ts'
import { LeaseRecord } from './lease-record.ts'
import { pause } from './pause.ts'

/** Milliseconds. */
export interface LeaseTiming {
  /** A lease that was not renewed for this long is anyone's. Whole seconds. Default 15,000. */
  readonly leaseMs?: number
  /** How often the leader renews. Default 5,000. */
  readonly renewMs?: number
  /** Without a renewal for this long it stops leading: the rest up to `leaseMs` is for what it has under way. Default 10,000. */
  readonly giveUpMs?: number
  /** How often a candidate looks, and how soon what failed is tried again. Default 1,000. */
  readonly retryMs?: number
}

/** Who wants to lead, and what to do then. */
export interface LeadOptions {
  readonly client: KubeClient
  /** Of the Lease. */
  readonly namespace: string
  readonly name: string
  /** Of this process and no other, ever: pod name and something random. */
  readonly identity: string
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it: leading ends first, then the lease is given back, so that another leads at once. */
  readonly signal: AbortSignal
  /** Runs while we lead. `signal` aborts when that ends: it must have stopped within `leaseMs - giveUpMs`. When it ends by itself, `lead` does. */
  readonly onLeading: (signal: AbortSignal) => Promise<void>
  readonly timing?: LeaseTiming | undefined
}

/**
 *     candidate ── free, given back, or not renewed for 15 s by our own clock ──► leader ── renews every 5 s
 *         ▲                                                                         │ not for 10 s, or taken by another
 *         └────────────────────── onLeading has stopped ◄── its signal aborts ◄─────┘
 *
 * At most one leads at a time: the one that cannot renew stops 5 s before another may start, whatever any wall clock says. A leader that was
 * cut off or killed is replaced in less than 20 s, one that was ended by its signal at once.
 * Resolves after `signal` aborted, or when onLeading ended by itself.
 * @throws Fault Closed when onLeading had not stopped in time: another may lead already, so the process must end. What onLeading throws while
 * it leads.
 */
export async function lead(options: LeadOptions): Promise<void> {
  const { signal, logger, identity } = options
  const timing = { leaseMs: 15_000, renewMs: 5_000, giveUpMs: 10_000, retryMs: 1_000, ...options.timing }
  const lease = new LeaseRecord({ ...options, ...timing })
  while (!signal.aborted) {
    if (!(await acquired(lease, options, timing.retryMs))) continue
    logger.info({ identity, lease: options.name }, 'leading')
    const ended = await leadOnce(lease, options, timing)
    logger.info({ identity, lease: options.name }, 'leading no more')
    if (ended) return
  }
  // A request that our end broke off may have made it ours all the same.
  await lease.release()
}

/** One look at the lease; false after a pause when it is not ours. */
async function acquired(lease: LeaseRecord, { signal, logger }: LeadOptions, retryMs: number): Promise<boolean> {
  let waitMs = retryMs
  try {
    const left = await lease.acquire(signal)
    if (left === 0) return !signal.aborted
    waitMs = Math.min(retryMs, left)
  } catch (error) {
    if (!signal.aborted) logger.warn({ err: asFault(error) }, 'the lease could not be read or taken; trying again')
  }
  await pause(waitMs, signal)
  return false
}

/** Leads until the lease is lost, `signal` aborts, or onLeading ends by itself: then true. */
async function leadOnce(lease: LeaseRecord, options: LeadOptions, timing: Required<LeaseTiming>): Promise<boolean> {
  const { signal, clock, onLeading } = options
  const leading = new AbortController()
  const stop = (): void => leading.abort()
  signal.addEventListener('abort', stop)
  // A function that throws before its first await is a promise that fails, too.
  const work = (async () => onLeading(leading.signal))().finally(stop)
  const stopped = work.catch(() => undefined)
  const lost = await keep(lease, options, timing, leading)
  signal.removeEventListener('abort', stop)
  // Nobody renews any more: until the lease runs out it must have stopped.
  const left = lease.renewedAt + timing.leaseMs * 0.9 - clock.monotonic()
  const { late } = await inTime(stopped, { ms: Math.max(0, left) })
  if (late) throw new Fault('Closed', 'the lease runs out, and what leads has not stopped: this process must end')
  if (lost) return false
  await lease.release()
  if (!signal.aborted) await work
  return true
}

/** Renews until `leading` aborts, and aborts it when that does not succeed any more: then true. */
async function keep(
  lease: LeaseRecord,
  { logger, clock }: LeadOptions,
  { renewMs, giveUpMs, retryMs }: Required<LeaseTiming>,
  leading: AbortController,
): Promise<boolean> {
  let lost = false
  const lose = (why: string): void => {
    if (leading.signal.aborted) return
    lost = true
    logger.error({}, why)
    leading.abort()
  }
  const left = (): number => lease.renewedAt + giveUpMs - clock.monotonic()
  // A timer of its own: it must not wait for a request that hangs.
  const arm = (): NodeJS.Timeout =>
    setTimeout(() => lose('the lease could not be renewed in time'), Math.max(0, left()))
  let timer = arm()
  let waitMs = renewMs
  for (;;) {
    await pause(Math.min(waitMs, Math.max(0, left())), leading.signal)
    if (leading.signal.aborted) break
    try {
      if (!(await lease.renew(leading.signal))) lose('the lease was taken by another')
      clearTimeout(timer)
      timer = arm()
      waitMs = renewMs
    } catch (error) {
      if (!leading.signal.aborted) logger.warn({ err: asFault(error) }, 'the lease could not be renewed; trying again')
      waitMs = retryMs
    }
  }
  clearTimeout(timer)
  return lost
}
