/** What may be tuned about a dispatcher. All have defaults that suit a pod of one core. */
export interface DispatcherOptions {
  /** Deliveries in flight per partition of an unordered Outlet. An ordered one has 1. */
  readonly window: number
  /** Bound on the memory of rings, catch-up reads and events in flight, for the whole process. */
  readonly budgetBytes: number
  /** How much of a partition's head is kept for cursors that are a little behind. */
  readonly ringBytes: number
  readonly catchUpBytes: number
  /** Catch-up reads in flight, for the whole process; the log's reader bounds those of one broker. */
  readonly catchUpReads: number
  /** A position that moved is committed within this time … */
  readonly commitIntervalMs: number
  /** … or after this many outcomes, whichever is first. */
  readonly commitOutcomes: number
  /** Group commits a second, for the whole process. Beyond it the oldest goes first and the interval stretches. */
  readonly commitsPerSecond: number
  /** Positions of Outlets without matches. */
  readonly idleCommitMs: number
  /** Every position, moved or not, at the latest; sooner where the log forgets positions sooner. */
  readonly refreshMs: number
  /** How often partition counts are read again. */
  readonly topicsIntervalMs: number
  /** Connections an Outlet may have open to one origin. */
  readonly connections: number
  /** Most of an answer's body that is read. A reply that is longer is a failed delivery; of other answers the rest says nothing. */
  readonly replyBytes: number
  /** Longest wait between two tries when an event can be parked nowhere. */
  readonly parkRetryMaxMs: number
  /** First wait before something that failed in the log is tried again; doubles up to 30 s. */
  readonly retryMs: number
  /** How long after an Outlet's first start partitions of it may still be without a starting position. */
  readonly startGraceMs: number
  /** Count the answers to each Outlet's deliveries, and how long they took: for metrics. */
  readonly tallies: boolean
}

export const defaultOptions: DispatcherOptions = {
  window: 100,
  budgetBytes: 64 * 1024 * 1024,
  ringBytes: 2 * 1024 * 1024,
  catchUpBytes: 256 * 1024,
  catchUpReads: 16,
  commitIntervalMs: 250,
  commitOutcomes: 1000,
  commitsPerSecond: 1000,
  idleCommitMs: 60_000,
  refreshMs: 12 * 3600_000,
  topicsIntervalMs: 30_000,
  connections: 100,
  replyBytes: 1024 * 1024,
  parkRetryMaxMs: 60_000,
  retryMs: 250,
  startGraceMs: 600_000,
  tallies: false,
}
