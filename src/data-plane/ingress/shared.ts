import type { Socket } from 'node:net'
import type { Inlet } from '../../contract/inlet.ts'
import type { Clock } from '../../core/clock.ts'
import type { Appender } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { Arrivals } from '../wire/arrival.ts'
import { Budget } from './budget.ts'
import type { Limits } from './options.ts'
import type { Routes } from './routes.ts'

/** What all requests share. */
export class Shared {
  readonly routes: Routes
  readonly appenderOf: (inlet: Inlet) => Appender
  readonly logger: Logger
  readonly limits: Limits
  readonly budget: Budget
  readonly arrivals: Arrivals
  /** Open connections. */
  readonly sockets = new Set<Socket>()
  /** From now on every answer ends its connection. */
  draining = false

  constructor(routes: Routes, appenderOf: (inlet: Inlet) => Appender, logger: Logger, clock: Clock, limits: Limits) {
    this.routes = routes
    this.appenderOf = appenderOf
    this.logger = logger
    this.limits = limits
    this.budget = new Budget(limits.maxBytesInFlight)
    this.arrivals = new Arrivals(clock)
  }
}
