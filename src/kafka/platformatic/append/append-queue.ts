import type { Fault } from '../../../core/fault.ts'
import { BATCH_OVERHEAD, maxRecordSize } from './append-batch.ts'
import type { Identity } from './append-batch.ts'
import { rejectDue, unacknowledged, unsentInTime } from './append-ledger.ts'
import type { Ledger, Pending } from './append-ledger.ts'

/** Records that go in one request, with one sequence number. */
interface Batch {
  entries: Pending[]
  /** An attempt had no clear answer: it may be stored, so only the very same batch may follow under its sequence number. */
  unclear: boolean
}

/** Where a queue stands; it is in exactly one place at a time. */
export type QueueState =
  /** Nothing to send. */
  | 'idle'
  /** In the list of a lane, to be sent with its next request. */
  | 'listed'
  /** In the request that a lane has in flight. */
  | 'sent'
  /** Waits to be tried again, maybe at another leader. */
  | 'parked'

/**
 * The records of one partition, in order, and its place in the leader's memory (producer id, epoch, next sequence number):
 *
 *     append ──► waiting ──cut──► batches[0] ──► request ──► stored: sequence moves on, callers answered
 *                                     ▲                 └──► refused, too large: split in two, same sequence
 *                                     └── same records, same id, same sequence ── no clear answer
 *
 * Id and sequence belong to the partition, not to the connection: whichever broker leads it recognises a repeated batch (leaders rebuild
 * that memory from the log), so our retries store nothing twice, also across a failover. And since nothing of the partition is sent while
 * a batch is unanswered, the order of `append` is the order in the log.
 */
export class PartitionQueue<Topic extends { readonly name: string; readonly encodedName: Buffer }> {
  readonly topic: Topic
  readonly index: number
  readonly #ledger: Ledger
  readonly #wornOut: (identity: Identity) => void
  readonly #waiting: Pending[] = []
  #waitingBytes = 0
  readonly #batches: Batch[] = []
  #identity: Identity | null = null
  #sequence = 0
  state: QueueState = 'idle'
  /** Who has it in flight while it is `sent`. */
  carrier: object | null = null
  /** Failed attempts in a row. */
  failures = 0
  /** Monotonic time before which it is not tried again. */
  retryAt = 0
  /** Monotonic time since when the cluster does not know this partition; 0 when it does. */
  missingSince = 0

  /** @param wornOut this identity must never be given to {@link identify} again. */
  constructor(topic: Topic, index: number, ledger: Ledger, wornOut: (identity: Identity) => void) {
    this.topic = topic
    this.index = index
    this.#ledger = ledger
    this.#wornOut = wornOut
  }

  get identity(): Identity | null {
    return this.#identity
  }

  /** Sequence number of the first record of the batch to send; a batch that may be stored keeps it. */
  get sequence(): number {
    return this.#sequence
  }

  get hasWork(): boolean {
    return this.#waiting.length > 0 || this.#batches.length > 0
  }

  /** The record that waits longest. */
  get oldest(): Pending | null {
    return this.#batches[0]?.entries[0] ?? this.#waiting[0] ?? null
  }

  /** Content of the records that are in no batch yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  push(pending: Pending): void {
    this.#waitingBytes += pending.size
    this.#waiting.push(pending)
  }

  /** The records to send next; null when there are none. @param limit bytes of a batch of several. */
  next(limit: number): readonly Pending[] | null {
    for (;;) {
      const batch = this.#batches[0] ?? this.#cut(limit)
      if (batch === null) return null
      if (!batch.unclear) batch.entries = withoutAnswered(batch.entries)
      if (batch.entries.length > 0) return batch.entries
      this.#batches.shift()
    }
  }

  /** Before the first batch, or after {@link forget}: who writes. */
  identify(identity: Identity): Identity {
    this.#identity ??= identity
    return this.#identity
  }

  /**
   * The next batch begins anew at sequence 0, so under another producer id: under the same one the leader would take it for a repetition
   * of an old batch, say "stored", and store nothing.
   */
  forget(): void {
    const identity = this.#identity
    this.#identity = null
    this.#sequence = 0
    if (identity !== null) this.#wornOut(identity)
  }

  /** The batch is stored. @param baseOffset -1n when the leader does not know any more where. */
  stored(baseOffset: bigint): void {
    const batch = this.#batches.shift()
    if (batch === undefined) return
    const { entries } = batch
    const topic = this.topic.name
    let offset = baseOffset
    for (let i = 0; i < entries.length; i++) {
      this.#ledger.resolve(entries[i] as Pending, { topic, partition: this.index, offset })
      if (baseOffset >= 0n) offset += 1n
    }
    // Sequence numbers go from 0 to 2^31 - 1 and around (DefaultRecordBatch.incrementSequence).
    this.#sequence = (this.#sequence + entries.length) & 0x7fffffff
    this.failures = 0
    this.missingSince = 0
  }

  /** No clear answer: only the same batch may be sent under this sequence number. */
  unclear(): void {
    const batch = this.#batches[0]
    if (batch !== undefined) batch.unclear = true
  }

  /** The batch was refused as a whole. Splits it; false when it is a single record. */
  split(): boolean {
    const batch = this.#batches[0]
    if (batch === undefined || batch.entries.length < 2) return false
    if (batch.unclear) this.forget()
    const middle = batch.entries.length >> 1
    this.#batches.splice(
      0,
      1,
      { entries: batch.entries.slice(0, middle), unclear: false },
      { entries: batch.entries.slice(middle), unclear: false },
    )
    return true
  }

  /** Takes the batch out: it is refused for good, and the caller answers for its records. */
  giveUp(): readonly Pending[] {
    const batch = this.#batches.shift()
    if (batch?.unclear === true) this.forget()
    return batch?.entries ?? []
  }

  /** The batch is refused for good. */
  refuse(fault: Fault): void {
    for (const pending of this.giveUp()) this.#ledger.reject(pending, fault)
  }

  /** Everything is refused. */
  refuseAll(fault: Fault): void {
    while (this.#batches.length > 0) this.refuse(fault)
    for (const pending of this.#takeWaiting(this.#waiting.length)) this.#ledger.reject(pending, fault)
  }

  /**
   * Answers callers whose deadline has passed. What was not sent is dropped; what was sent stays, since it may be stored and its sequence
   * number is taken.
   */
  expire(now: number): void {
    for (const batch of this.#batches) {
      rejectDue(batch.entries, now, this.#ledger, this.#maybeStored(batch) ? unacknowledged : unsentInTime)
    }
    this.#dropWaiting(now, unsentInTime)
  }

  /** Refuses what is surely not stored, of those due at `due` or before. @param fault a {@link neverSent} one. */
  refuseUnsent(due: number, fault: Fault): void {
    for (const batch of this.#batches) {
      if (!this.#maybeStored(batch)) rejectDue(batch.entries, due, this.#ledger, () => fault)
    }
    this.#dropWaiting(due, () => fault)
  }

  #maybeStored(batch: Batch): boolean {
    return batch.unclear || (this.state === 'sent' && batch === this.#batches[0])
  }

  #dropWaiting(due: number, fault: (topic: string) => Fault): void {
    const expired = rejectDue(this.#waiting, due, this.#ledger, fault)
    if (expired > 0) this.#takeWaiting(expired)
  }

  #takeWaiting(count: number): Pending[] {
    const taken = this.#waiting.splice(0, count)
    for (const { size } of taken) this.#waitingBytes -= size
    return taken
  }

  #cut(limit: number): Batch | null {
    const waiting = this.#waiting
    if (waiting.length === 0) return null
    let size = BATCH_OVERHEAD
    let count = 0
    for (; count < waiting.length; count++) {
      size += maxRecordSize((waiting[count] as Pending).size)
      if (size > limit && count > 0) break
    }
    const batch = { entries: this.#takeWaiting(count), unclear: false }
    this.#batches.push(batch)
    return batch
  }
}

function withoutAnswered(entries: Pending[]): Pending[] {
  for (let i = 0; i < entries.length; i++) {
    if ((entries[i] as Pending).answered) return entries.filter((pending) => !pending.answered)
  }
  return entries
}
