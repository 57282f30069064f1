import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Fault } from '../../core/fault.ts'
import type { Position, Positions, TopicPartition } from '../log.ts'
import { closedFault, nameOf, readFault } from './faults.ts'
import type { Store } from './store.ts'
import type { Turns } from './turns.ts'
import type { Writer } from './writer.ts'

/** As Kafka's `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4096

/** The table of positions. */
export class PositionTable {
  readonly #fetch: StatementSync
  readonly #put: StatementSync
  readonly #any: StatementSync
  readonly #delete: StatementSync

  constructor(database: DatabaseSync) {
    this.#fetch = database.prepare('SELECT topic, partition, offset, epoch, metadata FROM position WHERE grp = ?')
    this.#fetch.setReadBigInts(true)
    this.#put = database.prepare('INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?)')
    this.#any = database.prepare('SELECT 1 FROM position WHERE grp = ? LIMIT 1')
    this.#delete = database.prepare('DELETE FROM position WHERE grp = ?')
  }

  of(group: string): Position[] {
    return this.#fetch.all(group).map((row) => ({
      topic: String(row['topic']),
      partition: Number(row['partition']),
      offset: row['offset'] as bigint,
      leaderEpoch: Number(row['epoch']),
      metadata: String(row['metadata']),
    }))
  }

  put(group: string, at: Position): void {
    this.#put.run(group, at.topic, at.partition, at.offset, at.leaderEpoch, at.metadata)
  }

  has(group: string): boolean {
    return this.#any.get(group) !== undefined
  }

  delete(group: string): void {
    this.#delete.run(group)
  }
}

/** Positions, durable with the next transaction. Nobody else commits here, so GroupInUse never happens. */
export class EmbeddedPositions implements Positions {
  readonly #store: Store
  readonly #table: PositionTable
  readonly #writer: Writer
  readonly #turns: Turns
  #closed = false

  constructor(store: Store, table: PositionTable, writer: Writer, turns: Turns) {
    this.#store = store
    this.#table = table
    this.#writer = writer
    this.#turns = turns
  }

  async fetch(
    asked: ReadonlyMap<string, readonly TopicPartition[]>,
  ): Promise<ReadonlyMap<string, readonly Position[]>> {
    const found = await Promise.all(
      [...asked].map(async ([group, partitions]) => [group, await this.#fetchOne(group, partitions)] as const),
    )
    return new Map(found)
  }

  all(group: string): Promise<readonly Position[]> {
    return this.#read(() => this.#table.of(group))
  }

  commit(group: string, positions: readonly Position[], signal?: AbortSignal): Promise<void> {
    if (this.#closed || signal?.aborted === true) return Promise.reject(closedFault())
    return this.#writer.run(() => {
      for (const position of positions) this.#check(group, position)
      for (const position of positions) this.#table.put(group, position)
    })
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #fetchOne(group: string, partitions: readonly TopicPartition[]): Promise<Position[]> {
    return this.#read(() => {
      const wanted = new Set(partitions.map(nameOf))
      return this.#table.of(group).filter((position) => wanted.has(nameOf(position)))
    })
  }

  #read(work: () => Position[]): Promise<Position[]> {
    if (this.#closed) return Promise.reject(closedFault())
    return this.#turns.run(() => {
      if (this.#closed) throw closedFault()
      try {
        return work()
      } catch (error) {
        throw readFault(error)
      }
    })
  }

  #check(group: string, position: Position): void {
    const where = `position of group ${group} in ${nameOf(position)}`
    if (this.#store.partition(position) === undefined) {
      throw new Fault('TopicNotFound', `${where}: there is no such partition`)
    }
    if (position.offset < 0n) throw new Fault('LogRefused', `${where}: ${position.offset} is no offset`)
    if (Buffer.byteLength(position.metadata) > MAX_METADATA_BYTES) {
      // named as Kafka does
      const details = { group, error: 'OFFSET_METADATA_TOO_LARGE' }
      throw new Fault('LogRefused', `${where}: its metadata has more than ${MAX_METADATA_BYTES} bytes`, { details })
    }
  }
}
