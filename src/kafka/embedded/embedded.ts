import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { EmbeddedAdmin } from './admin.ts'
import { EmbeddedAppender } from './appender.ts'
import { openDatabase, type DataFile, type Fsync } from './database.ts'
import { EmbeddedMembership } from './membership.ts'
import { EmbeddedPositions, PositionTable } from './positions.ts'
import { EmbeddedReader, type ReadSource } from './reader.ts'
import { EmbeddedRetention } from './retention.ts'
import { Store } from './store.ts'
import type { EmbeddedTail } from './tail.ts'
import type { Partition, Retention, Segment } from './topics.ts'
import { Turns } from './turns.ts'
import { Writer } from './writer.ts'
import type {
  Appender,
  AppenderOptions,
  Log,
  LogAdmin,
  LogReader,
  Membership,
  MembershipHandler,
  MembershipOptions,
  Positions,
} from '../log.ts'
import { StickyPartitions } from '../partition.ts'

/** What an embedded log is opened with. */
export interface EmbeddedLogOptions {
  /** Its folder, for this process alone; made when missing. */
  readonly dir: string
  readonly fsync: Fsync
  readonly retention: Retention
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Opens a durable log in a folder: topics, records and positions survive a restart and kill -9. For development: one process, no
 * replica. Reads and writes block the event loop for a few milliseconds a turn.
 * @throws Fault DataLocked, DataFromNewerVersion, LogRefused (not our data, or damaged), LogUnavailable (folder not usable).
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  return new EmbeddedLog(openDatabase(options.dir, options.fsync), options)
}

/**
 *     appender, positions, admin ─► writer ─► store (topics, segments) ─► commit ─► tails, retention
 *     reader ───────────────────────────────────► store
 */
class EmbeddedLog implements Log, ReadSource {
  readonly store: Store
  readonly turns = new Turns()
  readonly tails = new Set<EmbeddedTail>()
  readonly writer: Writer
  readonly table: PositionTable
  readonly clock: Clock
  readonly sticky = new StickyPartitions()
  closed = false
  #segmentsSeen = 0
  readonly #data: DataFile
  readonly #retention: EmbeddedRetention
  readonly #appended = new Set<Partition>()
  readonly #members = new Map<string, number>()

  constructor(data: DataFile, { clock, logger, retention }: EmbeddedLogOptions) {
    this.#data = data
    this.clock = clock
    this.store = new Store(data.database)
    this.table = new PositionTable(data.database)
    this.writer = new Writer(data, this.store, clock, logger, () => this.#committed())
    this.#retention = new EmbeddedRetention(this.store, this.writer, retention, clock, logger)
  }

  appender(options?: AppenderOptions): Appender {
    return new EmbeddedAppender(this, options)
  }

  reader(): LogReader {
    return new EmbeddedReader(this)
  }

  positions(): Positions {
    return new EmbeddedPositions(this.store, this.table, this.writer, this.turns)
  }

  membership({ group }: MembershipOptions, handler: MembershipHandler): Membership {
    this.#members.set(group, this.members(group) + 1)
    return new EmbeddedMembership(handler, () => this.#members.set(group, this.members(group) - 1))
  }

  admin(): LogAdmin {
    return new EmbeddedAdmin(this)
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.#retention.close()
    await this.writer.close()
    for (const tail of this.tails) await tail.close()
    this.#data.close()
  }

  members(group: string): number {
    return this.#members.get(group) ?? 0
  }

  full(partition: Partition, last: Segment, now: number): boolean {
    return this.#retention.full(partition, last, now)
  }

  appended(partition: Partition): void {
    this.#appended.add(partition)
  }

  topicsChanged(): void {
    for (const tail of this.tails) tail.topicsChanged()
    this.#retention.look()
  }

  #committed(): void {
    this.sticky.next()
    if (this.#appended.size === 0) return
    for (const tail of this.tails) for (const partition of this.#appended) tail.committed(partition)
    this.#appended.clear()
    if (this.store.segmentsBegun === this.#segmentsSeen) return
    this.#segmentsSeen = this.store.segmentsBegun
    this.#retention.look()
  }
}
