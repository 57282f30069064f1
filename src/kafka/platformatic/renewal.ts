import { retryBackoffMs } from '../../core/backoff.ts'
import type { Fault } from '../../core/fault.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { dropConnection, type BrokerConnection } from './broker-connection.ts'
import { toFault } from './faults.ts'

/** A connection is renewed when between these parts of its session have passed: not all of a process, or of a fleet, at once. */
const RENEW_FROM = 0.75
const RENEW_TO = 0.9
/** A broker that ends sessions sooner than this does not keep us busy with signing in; Kafka itself takes no more than one a second. */
const RENEW_AFTER_MS = 1_000
const BACKOFF = { baseMs: 250, capMs: 10_000 }

interface Entry {
  readonly connection: BrokerConnection
  readonly reopen: () => Promise<BrokerConnection>
  busy: boolean
  timer: NodeJS.Timeout | undefined
}

/**
 * Puts new connections in the place of those whose credential does not hold any more, or whose session is about to end (KIP-368).
 *
 *     credential changed ─┐
 *     session ends soon ──┴─► open another one, signed in ─► its owner takes that (heir) ─► the old one retires: what is in flight is answered
 *                               ▲         │ not accepted, not reachable: told once
 *                               └ backoff ┘ the old one goes on meanwhile
 *
 * A connection that works is never given up for a credential that does not: Kafka keeps it until its session ends, whatever became of the
 * password. One without an heir retires at once, so that its owner finds out soon whether the new credential holds.
 */
export class Renewal {
  readonly #logger: Logger
  readonly #entries = new Set<Entry>()
  #failing = false
  #closed = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Looks after a connection until it closes. @param reopen opens one like it, with what holds then. */
  watch(connection: BrokerConnection, reopen: () => Promise<BrokerConnection>): void {
    const entry: Entry = { connection, reopen, busy: false, timer: undefined }
    this.#entries.add(entry)
    connection.once('close', () => this.#forget(entry))
    const { lifetimeMs } = connection
    if (lifetimeMs <= 0) return
    const part = RENEW_FROM + Math.random() * (RENEW_TO - RENEW_FROM)
    this.#schedule(entry, Math.min(Math.max(lifetimeMs * part, RENEW_AFTER_MS), 2 ** 31 - 1), 1)
  }

  /** The credential has changed: all are renewed, also those that could not be so far. */
  outdated(): void {
    for (const entry of this.#entries) {
      clearTimeout(entry.timer)
      void this.#renew(entry, 1)
    }
  }

  close(): void {
    this.#closed = true
    for (const entry of this.#entries) this.#forget(entry)
  }

  #schedule(entry: Entry, ms: number, attempt: number): void {
    entry.timer = setTimeout(() => void this.#renew(entry, attempt), ms)
    entry.timer.unref()
  }

  /** One that is under way when the credential changes again notices that itself: who opens a connection compares (cluster.ts). */
  async #renew(entry: Entry, attempt: number): Promise<void> {
    const { connection } = entry
    if (entry.busy) return
    if (connection.heir === null) return this.#retire(entry)
    entry.busy = true
    try {
      const next = await entry.reopen()
      if (this.#closed || connection.heir === null || !connection.isConnected()) return void dropConnection(next)
      connection.heir(next)
      this.#retire(entry)
      this.#told(null)
    } catch (error) {
      if (!this.#entries.has(entry)) return
      this.#told(toFault(error, 'renewing a connection'))
      this.#schedule(entry, retryBackoffMs(attempt, BACKOFF), attempt + 1)
    } finally {
      entry.busy = false
    }
  }

  #retire(entry: Entry): void {
    this.#forget(entry)
    entry.connection.retire()
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.timer)
    this.#entries.delete(entry)
  }

  #told(fault: Fault | null): void {
    if (this.#failing === (fault !== null)) return
    this.#failing = fault !== null
    if (fault === null) this.#logger.info({}, 'connections to Kafka are renewed again')
    else {
      const facts = { code: fault.code, reason: fault.message }
      this.#logger.warn(
        facts,
        'connections to Kafka cannot be renewed; those that there are go on, and it is tried again',
      )
    }
  }
}
