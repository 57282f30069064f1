import { randomUUID } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Batch, LogRecord, NewRecord, OffsetMoved, TopicPartition, TopicSpec } from '../log.ts'
import { decodeRecord, RecordEncoder } from './record.ts'
import { at, newTopic, startOf, type Partition, type Segment, type Topic } from './topics.ts'

/**
 * Topics, partitions and records: in memory what is looked up, in tables what is kept. The two change together:
 *
 *     transaction(work) ─► BEGIN ─► work: rows, memory, how to undo memory ─► COMMIT
 *                                     └─ on any error: ROLLBACK, memory undone, the error goes on
 *
 * Everything that writes runs inside a transaction of the writer; nothing here waits.
 */
export class Store {
  readonly topics = new Map<string, Topic>()
  /** Segments of topics that are gone, to be dropped one a turn. */
  readonly orphans: Segment[] = []
  /** Partitions of all topics. */
  partitionCount = 0
  /** Counts segments begun: only then can there be too many. */
  segmentsBegun = 0
  readonly #database: DatabaseSync
  readonly #encoder = new RecordEncoder()
  readonly #inserts = new Map<number, StatementSync>()
  readonly #reads = new Map<number, StatementSync>()
  #undo: (() => void)[] = []
  #snapshots = new Set<Partition>()

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#load()
  }

  /** All or nothing. @throws whatever `work` or SQLite throws; then nothing has changed. */
  transaction(work: () => void): void {
    this.#database.exec('BEGIN')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      // SQLite may have rolled back by itself (disk full); a second rollback would hide the cause.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      for (const undo of this.#undo.reverse()) undo()
      throw error
    } finally {
      this.#undo = []
      this.#snapshots.clear()
    }
  }

  partition(where: TopicPartition): Partition | undefined {
    return this.topics.get(where.topic)?.partitions[where.partition]
  }

  /** Appends to the last segment; a new one is begun when `full` says so. @returns the record's offset. */
  append(partition: Partition, record: NewRecord, now: number, full: (last: Segment) => boolean): number {
    const last = partition.segments.at(-1)
    const segment = last === undefined || full(last) ? this.roll(partition, now) : last
    this.#protect(partition)
    const blob = this.#encoder.encode(record)
    const offset = partition.next
    this.#insert(segment.id).run(offset, now, blob)
    partition.next += 1
    segment.bytes += blob.length
    segment.newest = now
    return offset
  }

  /** Ends the last segment and begins another at the next offset. */
  roll(partition: Partition, now: number): Segment {
    this.#protect(partition)
    const last = partition.segments.at(-1)
    if (last !== undefined) {
      this.#run('UPDATE segment SET newest = ?, bytes = ? WHERE id = ?', last.newest, last.bytes, last.id)
      this.#inserts.delete(last.id)
    }
    const { lastInsertRowid } = this.#run(
      'INSERT INTO segment (topic_id, partition, first, opened, newest, bytes) VALUES (?, ?, ?, ?, ?, 0)',
      partition.topic.id,
      partition.index,
      partition.next,
      now,
      now,
    )
    const segment = { id: Number(lastInsertRowid), first: partition.next, opened: now, newest: now, bytes: 0 }
    this.#database.exec(
      `CREATE TABLE segment_${segment.id} (offset INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, record BLOB NOT NULL)`,
    )
    partition.segments.push(segment)
    this.segmentsBegun += 1
    return segment
  }

  /** Drops a partition's first segment, which must not be its last. @returns its bytes. */
  dropFirst(partition: Partition): number {
    this.#protect(partition)
    const segment = partition.segments.shift()
    return segment === undefined ? 0 : this.#drop(segment)
  }

  /** Drops one segment of a topic that is gone. @returns its bytes. */
  dropOrphan(): number {
    const segment = this.orphans.shift()
    if (segment === undefined) return 0
    this.#undo.push(() => this.orphans.unshift(segment))
    return this.#drop(segment)
  }

  createTopic(spec: TopicSpec): Topic {
    const topic = newTopic(spec.name, randomUUID(), spec.partitions, { ...spec.config })
    this.#run(
      'INSERT INTO topic VALUES (?, ?, ?, ?)',
      topic.name,
      topic.id,
      spec.partitions,
      JSON.stringify(spec.config),
    )
    this.#add(topic)
    this.#undo.push(() => this.#remove(topic))
    return topic
  }

  /** Forgets topic and positions at once; the records' tables become orphans. */
  deleteTopic(topic: Topic): void {
    this.#run('DELETE FROM topic WHERE name = ?', topic.name)
    this.#run('DELETE FROM position WHERE topic = ?', topic.name)
    this.#remove(topic)
    const before = this.orphans.length
    for (const partition of topic.partitions) this.orphans.push(...partition.segments)
    this.#undo.push(() => {
      this.#add(topic)
      this.orphans.length = before
    })
  }

  /** One read within one segment: at least one record when there is one, then up to `maxBytes`. */
  read(partition: Partition, from: number, maxBytes: number): Batch | OffsetMoved {
    const start = startOf(partition)
    if (from < start) return { kind: 'expired', next: BigInt(start), lost: BigInt(start - from) }
    if (from > partition.next) return { kind: 'truncated', next: BigInt(partition.next) }
    const records: LogRecord[] = []
    let bytes = 0
    const segment = partition.segments.findLast((candidate) => candidate.first <= from)
    if (segment !== undefined && from < partition.next) {
      for (const row of this.#read(segment.id).iterate(from)) {
        const blob = row['record'] as Uint8Array
        if (records.length > 0 && bytes + blob.length > maxBytes) break
        records.push(decodeRecord(row['offset'] as number, row['timestamp'] as number, blob))
        bytes += blob.length
      }
    }
    return {
      ...at(partition),
      records,
      from: BigInt(from),
      next: BigInt(from + records.length),
      end: BigInt(partition.next),
      logStart: BigInt(start),
      leaderEpoch: -1,
      bytes,
    }
  }

  /** Of the first record of this time or later, milliseconds since 1970; the next offset when there is none. */
  offsetAt(partition: Partition, timestampMs: number): number {
    for (const segment of partition.segments) {
      if (segment.newest < timestampMs) continue
      const sql = `SELECT min(offset) AS first FROM segment_${segment.id} WHERE timestamp >= ?`
      const first = this.#database.prepare(sql).get(timestampMs)?.['first']
      if (typeof first === 'number') return first
    }
    return partition.next
  }

  #add(topic: Topic): void {
    this.topics.set(topic.name, topic)
    this.partitionCount += topic.partitions.length
  }

  #remove(topic: Topic): void {
    this.topics.delete(topic.name)
    this.partitionCount -= topic.partitions.length
  }

  /** A partition's memory is put back as it was if this transaction fails. */
  #protect(partition: Partition): void {
    if (this.#snapshots.has(partition)) return
    this.#snapshots.add(partition)
    const { next, segments } = partition
    const last = segments.at(-1)
    const before = last === undefined ? undefined : { newest: last.newest, bytes: last.bytes }
    const kept = [...segments]
    this.#undo.push(() => {
      partition.next = next
      partition.segments = kept
      if (last !== undefined) Object.assign(last, before)
    })
  }

  #drop(segment: Segment): number {
    this.#inserts.delete(segment.id)
    this.#reads.delete(segment.id)
    this.#run('DELETE FROM segment WHERE id = ?', segment.id)
    this.#database.exec(`DROP TABLE segment_${segment.id}`)
    return segment.bytes
  }

  #insert(segment: number): StatementSync {
    let statement = this.#inserts.get(segment)
    if (statement === undefined) {
      statement = this.#database.prepare(`INSERT INTO segment_${segment} VALUES (?, ?, ?)`)
      this.#inserts.set(segment, statement)
    }
    return statement
  }

  #read(segment: number): StatementSync {
    let statement = this.#reads.get(segment)
    if (statement === undefined) {
      statement = this.#database.prepare(`SELECT * FROM segment_${segment} WHERE offset >= ? ORDER BY offset`)
      this.#reads.set(segment, statement)
    }
    return statement
  }

  #run(sql: string, ...values: (string | number)[]): { lastInsertRowid: number | bigint } {
    return this.#database.prepare(sql).run(...values)
  }

  #load(): void {
    const byId = new Map<string, Topic>()
    for (const row of this.#database.prepare('SELECT * FROM topic').all()) {
      const config = JSON.parse(String(row['config'])) as Topic['config']
      const topic = newTopic(String(row['name']), String(row['id']), Number(row['partitions']), config)
      this.#add(topic)
      byId.set(topic.id, topic)
    }
    for (const row of this.#database.prepare('SELECT * FROM segment ORDER BY first').all()) {
      const [id, first, opened, newest, bytes] = ['id', 'first', 'opened', 'newest', 'bytes'].map((name) =>
        Number(row[name]),
      )
      const segment = { id: id!, first: first!, opened: opened!, newest: newest!, bytes: bytes! }
      const partition = byId.get(String(row['topic_id']))?.partitions[Number(row['partition'])]
      if (partition === undefined) this.orphans.push(segment)
      else partition.segments.push(segment)
    }
    for (const topic of this.topics.values()) for (const partition of topic.partitions) this.#measureLast(partition)
  }

  /** The row of a segment that still grows is written only when it ends: count what is in it. */
  #measureLast(partition: Partition): void {
    const segment = partition.segments.at(-1)
    if (segment === undefined) return
    const sql = `SELECT max(offset) AS last, max(timestamp) AS newest, sum(length(record)) AS bytes FROM segment_${segment.id}`
    const row = this.#database.prepare(sql).get()
    partition.next = row?.['last'] == null ? segment.first : Number(row['last']) + 1
    segment.newest = Math.max(segment.newest, Number(row?.['newest'] ?? 0))
    segment.bytes = Number(row?.['bytes'] ?? 0)
  }
}
