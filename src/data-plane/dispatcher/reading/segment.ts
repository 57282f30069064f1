import type { RecordConversion } from '../../../contract/outlet.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Batch, LogRecord, TopicPartition } from '../../../kafka/log.ts'
import { fromForeign } from '../../wire/foreign-record.ts'
import { fromRecord, NotAnEvent } from '../../wire/record.ts'

/**
 * One record, decoded once for all Outlets. While deliveries hold it, it owns its data: a 1 KB value must not keep the 10 MB
 * response alive that it came in (nor may the HTTP request that carries it).
 */
export class Entry {
  readonly at: TopicPartition
  readonly offset: number
  /** When the record was stored, or made: milliseconds since 1970. */
  readonly timestamp: number
  /** Null: the record is no CloudEvent. */
  event: CloudEvent | null
  /** Kept only where there is no event: it is parked as it is. */
  record: LogRecord | null
  readonly problem: string
  /** The record's key, a character a byte; null: it has none. Known while deliveries hold it. */
  key: string | null = null
  #rawKey: Buffer | null
  #holders = 0
  /** What became of it where it is no event: one for each conversion that was asked for, all null before the first. */
  #forms: Form[] | null = null

  constructor(at: TopicPartition, record: LogRecord, decoded: CloudEvent | NotAnEvent = fromRecord(record)) {
    this.at = at
    this.offset = Number(record.offset)
    this.timestamp = record.timestamp
    this.event = decoded instanceof NotAnEvent ? null : decoded
    this.record = decoded instanceof NotAnEvent ? record : null
    this.problem = decoded instanceof NotAnEvent ? decoded.reason : ''
    this.#rawKey = record.key
  }

  /** The event that the conversion makes of a record that is none; null: it leaves it out. Made once for all who convert alike. */
  converted(conversion: RecordConversion): Entry | null {
    const known = this.#forms?.find((form) => isSame(form.conversion, conversion))
    if (known !== undefined || this.record === null) return known?.entry ?? null
    const event = fromForeign(this.record, this.at, conversion)
    const entry = event === null ? null : new Entry(this.at, this.record, event)
    ;(this.#forms ??= []).push({ conversion, entry })
    return entry
  }

  /** Of its data and its key. */
  get bytes(): number {
    const data = this.event === null ? this.record?.value : this.event.data
    return (data?.length ?? 0) + (this.#rawKey?.length ?? this.key?.length ?? 0)
  }

  get isHeld(): boolean {
    return this.#holders > 0
  }

  /** @returns whether nobody else held it. */
  hold(): boolean {
    if (this.#holders++ > 0) return false
    if (this.event !== null) this.event = owned(this.event)
    else if (this.record !== null) this.record = ownedRecord(this.record)
    if (this.#rawKey !== null) {
      // a string owns its bytes
      this.key = this.#rawKey.toString('latin1')
      this.#rawKey = null
    }
    return true
  }

  /** @returns whether nobody holds it any more. */
  release(): boolean {
    return --this.#holders === 0
  }
}

interface Form {
  readonly conversion: RecordConversion
  readonly entry: Entry | null
}

function isSame(a: RecordConversion, b: RecordConversion): boolean {
  if (a === b) return true
  return a.source === b.source && a.type === b.type && a.keyType === b.keyType && a.tombstones === b.tombstones
}

function owned(event: CloudEvent): CloudEvent {
  return event.data === null || !pins(event.data) ? event : { ...event, data: Buffer.from(event.data) }
}

function ownedRecord(record: LogRecord): LogRecord {
  const copy = (bytes: Buffer | null): Buffer | null => (bytes === null || !pins(bytes) ? bytes : Buffer.from(bytes))
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    key: copy(record.key),
    value: copy(record.value),
    headers: record.headers.map(([name, value]) => [name, copy(value)]),
  }
}

/** Does a slice keep much more memory alive than it shows? (8 KiB is the slab of Node's own small buffers.) */
function pins(bytes: Buffer): boolean {
  return bytes.buffer.byteLength > 2 * bytes.length + 8192
}

/** What a record costs beside its bytes once it is decoded and kept: its attributes. Measured: 2 KB. */
const RECORD_OVERHEAD = 2048

/** A run of records in memory; each is decoded when a cursor asks for it. */
export class Segment {
  readonly from: number
  readonly next: number
  readonly leaderEpoch: number
  /** What it costs in memory. */
  readonly bytes: number
  readonly at: TopicPartition
  readonly #offsets: Float64Array
  readonly #records: readonly LogRecord[]
  /** What was decoded for several cursors. */
  #entries: (Entry | undefined)[] | null = null

  constructor(batch: Batch) {
    this.at = { topic: batch.topic, partition: batch.partition }
    this.from = Number(batch.from)
    this.next = Number(batch.next)
    this.leaderEpoch = batch.leaderEpoch
    this.bytes = batch.bytes + batch.records.length * RECORD_OVERHEAD
    this.#offsets = Float64Array.from(batch.records, ({ offset }) => Number(offset))
    this.#records = batch.records
  }

  get length(): number {
    return this.#records.length
  }

  /** @param keep someone else will ask for it too: it is not decoded again. */
  entry(index: number, keep: boolean): Entry {
    const known = this.#entries?.[index]
    if (known !== undefined) return known
    const record = this.#records[index]
    if (record === undefined) throw new RangeError(`no record ${index} in a segment of ${this.length}`)
    const entry = new Entry(this.at, record)
    if (keep) (this.#entries ??= [])[index] = entry
    return entry
  }

  covers(offset: number): boolean {
    return offset >= this.from && offset < this.next
  }

  /** Index of the first record at or after `offset`; `length` when there is none. `hint` is tried first. */
  indexOf(offset: number, hint = 0): number {
    if (hint > 0 && hint < this.length && this.#offset(hint) >= offset && this.#offset(hint - 1) < offset) return hint
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offset(middle) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #offset(index: number): number {
    return this.#offsets[index] ?? Infinity
  }
}
