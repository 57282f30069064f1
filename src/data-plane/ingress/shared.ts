import type { Socket } from 'node:net'
import type { Inlet } from '../../contract/inlet.ts'
import type { Clock } from '../../core/clock.ts'
import type { Appender } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { Arrivals } from '../wire/arrival.ts'
import { Budget } from './budget.ts'
import type { Limits } from './options.ts'
import type { Routes } from './routes.ts'
import type { Tallies } from './tallies.ts'
import type { Witnesses } from './witness.ts'

/** What all requests share. */
export class Shared {
  readonly routes: Routes
  readonly appenderOf: (inlet: Inlet) => Appender
  readonly logger: Logger
  readonly limits: Limits
  readonly budget: Budget
  readonly arrivals: Arrivals
  readonly clock: Clock
  /** Null: nobody asks for metrics. */
  readonly tallies: Tallies | null
  /** Null: nobody remembers, and nobody follows, what becomes of events. */
  readonly witnesses: Witnesses | null
  /** Requests whose body is read, or whose events are being stored. */
  open = 0
  /** Open connections. */
  readonly sockets = new Set<Socket>()
  /** From now on every answer ends its connection. */
  draining = false

  constructor(parts: {
    routes: Routes
    appenderOf: (inlet: Inlet) => Appender
    logger: Logger
    clock: Clock
    limits: Limits
    tallies: Tallies | null
    witnesses: Witnesses | null
  }) {
    const { limits } = parts
    this.routes = parts.routes
    this.appenderOf = parts.appenderOf
    this.logger = parts.logger
    this.clock = parts.clock
    this.tallies = parts.tallies
    this.witnesses = parts.witnesses
    this.limits = limits
    this.budget = new Budget(limits.maxBytesInFlight)
    this.arrivals = new Arrivals(parts.clock)
  }
}
