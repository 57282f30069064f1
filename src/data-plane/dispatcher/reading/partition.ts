import type { MatchIndex } from '../../../event/match-index.ts'
import type { Batch, OffsetMoved, Tail, TopicPartition } from '../../../kafka/log.ts'
import type { Budget } from './budget.ts'
import type { Cursor } from './cursor.ts'
import type { Place } from './place.ts'
import { Ring } from './ring.ts'
import { Segment, type Entry } from './segment.ts'

/** A cursor this far ahead of the head is not made to wait for the tail. */
const JUMP = 1000

/**
 * A tail that begins far behind the end of the log may wait for a cursor in the ring, as long as that reads this many records in this time:
 * otherwise all of a backlog would be read twice, once for the head and once for the busiest Outlet. Not longer than RECOVERY_MS, and never
 * again once it reached the end: an Outlet that cannot keep up holds up nobody.
 */
const HOLD_OFFSETS = 100
const HOLD_MS = 200
const RECOVERY_MS = 20_000

/** An Outlet of the topic, with its cursors in this process by partition. */
export type Reader = { readonly cursors: ReadonlyMap<number, Cursor> }

/** What a partition needs from its process. */
export interface PartitionHost {
  readonly tail: Tail
  readonly budget: Budget
  /** Bound on the ring of one partition; changes with how many there are. */
  readonly ringBytes: number
  /** A cursor that the ring has left behind. */
  behind(cursor: Cursor): void
  leftChunk(cursor: Cursor): void
  /** Retention removed `lost` events before this cursor read them. */
  expired(cursor: Cursor, lost: number): void
}

/**
 * One owned partition: it is read once, and each record is decoded once, for all Outlets of the topic.
 *
 *     tail ─► batch ─► index of the topic: attributes → Outlets that match ─► their cursors here, if attached ─► deliver
 *               └────► ring, while some cursor is detached
 *
 * Flow: a slow cursor never holds up the tail, its ring is cut off. Only when nobody rides the head is the tail paused, a ring ahead of the
 * foremost cursor; and when the process's budget is used up.
 */
export class Partition implements Place<Cursor> {
  readonly at: TopicPartition
  readonly ring: Ring
  /** Infinite while the tail does not run: nobody is at the head then. */
  head = Infinity
  end = 0
  leaderEpoch = -1
  matching = false
  closed = false
  /** What the tail told last; null while it reads. */
  fault: Error | null = null
  /** Why the tail waits; null: it reads. */
  paused: 'ahead' | 'budget' | null = null
  readonly #host: PartitionHost
  readonly #cursors = new Set<Cursor>()
  readonly #detached = new Set<Cursor>()
  readonly #index: MatchIndex<Reader>
  readonly #matches: Reader[] = []
  readonly #later: Cursor[] = []
  /** While the tail works off a backlog. */
  #recovery: NodeJS.Timeout | undefined
  /** Where the foremost detached cursor was when we last looked. */
  #seen = -1

  /** The process has memory again: the tail reads on, if it waits for that. */
  readonly onRoom = (): void => {
    if (this.paused === 'budget') this.#resume()
  }

  /** @param index all Outlets of the topic by their filters, those too that do not read this partition (yet). */
  constructor(at: TopicPartition, index: MatchIndex<Reader>, host: PartitionHost) {
    this.at = at
    this.#index = index
    this.#host = host
    this.ring = new Ring(host.budget)
  }

  /**
   * Takes cursors in and lets them run. The tail begins at the foremost, the others catch up: so one that is a million events behind does not
   * hold up the rest.
   */
  open(cursors: readonly Cursor[]): void {
    for (const all of [this.#cursors, this.#detached]) for (const cursor of cursors) all.add(cursor)
    const foremost = Math.max(-1, ...cursors.map((cursor) => cursor.position))
    if (foremost >= 0 && (this.head === Infinity || foremost > this.head + JUMP)) this.#startTail(foremost)
    for (const cursor of cursors) cursor.run()
  }

  /** Lets a cursor go; who removes it has stopped it. */
  remove(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return
    this.#detached.delete(cursor)
    if (this.#cursors.size === 0) this.#stopTail()
    else this.#fewerBehind()
  }

  /** Reads no more; what is in flight goes on. */
  stop(): void {
    this.closed = true
    for (const cursor of this.#cursors) cursor.stop()
    this.#stopTail()
  }

  /** @returns false: paused. */
  batch(batch: Batch): boolean {
    const segment = new Segment(batch)
    this.end = Number(batch.end)
    this.leaderEpoch = segment.leaderEpoch
    this.matching = true
    try {
      this.#hand(segment)
    } finally {
      this.matching = false
    }
    this.head = segment.next
    if (this.head >= this.end) this.#endRecovery()
    this.ring.push(segment)
    for (const cursor of this.#later.splice(0)) cursor.pump()
    return this.#flow()
  }

  moved(moved: OffsetMoved): void {
    const next = Number(moved.next)
    if (moved.kind === 'expired') for (const cursor of this.#cursors) this.#expire(cursor, next)
    this.ring.clear()
    this.head = next
    if (moved.kind === 'expired') return
    this.end = next
    if (moved.kind === 'recreated') this.leaderEpoch = -1
    for (const cursor of this.#cursors) cursor.rewind(next, moved.kind === 'recreated')
    for (const cursor of this.#cursors) cursor.pump()
  }

  get shared(): boolean {
    return this.#detached.size > 1
  }

  attached(cursor: Cursor): void {
    this.#detached.delete(cursor)
    this.#fewerBehind()
  }

  detached(cursor: Cursor): void {
    if (this.#cursors.has(cursor)) this.#detached.add(cursor)
  }

  later(cursor: Cursor): void {
    this.#later.push(cursor)
  }

  behind(cursor: Cursor): void {
    this.#host.behind(cursor)
  }

  leftChunk(cursor: Cursor): void {
    this.#host.leftChunk(cursor)
  }

  progressed(cursor: Cursor): void {
    if (this.paused === 'ahead' && this.ring.bytesAfter(cursor.next) < this.#host.ringBytes / 2) this.#resume()
  }

  /** The tail reads on, if it waits. */
  wake(): void {
    this.#resume()
  }

  /**
   * The hot loop of the head: decode once, ask the index once, call only who matches and rides the head.
   *
   *     record ─► entry ─► index.match ─► attached? offer
   *                 └─ no event: all attached
   */
  #hand(segment: Segment): void {
    for (let i = 0; i < segment.length && this.#detached.size < this.#cursors.size; i++) {
      // for one who is behind it is decoded twice: that costs no more than to keep it, and no memory
      const entry = segment.entry(i, this.shared)
      if (entry.event === null) this.#offerAll(entry)
      else {
        this.#matches.length = 0
        this.#index.match(entry.event.attributes, this.#matches)
        for (const { cursors } of this.#matches) {
          const cursor = cursors.get(this.at.partition)
          if (cursor?.isAttached === true) cursor.offer(entry)
        }
      }
    }
  }

  #fewerBehind(): void {
    // nobody is behind: nobody will ask the ring
    if (this.#detached.size === 0) this.ring.clear()
    else this.#trim()
    this.#reconsider()
  }

  #offerAll(entry: Entry): void {
    for (const cursor of this.#cursors) if (cursor.isAttached) cursor.offer(entry)
  }

  #expire(cursor: Cursor, next: number): void {
    if (!cursor.isAttached) return
    const lost = cursor.expired(next)
    if (lost > 0) this.#host.expired(cursor, lost)
  }

  /** Bounds the ring: nobody needs what all have passed; who is slower than the ring is long reads by himself. */
  #trim(): number {
    const foremost = this.#foremost()
    let hindmost = Infinity
    for (const cursor of this.#detached) if (cursor.next < hindmost) hindmost = cursor.next
    this.ring.dropBelow(hindmost)
    const { ringBytes, budget } = this.#host
    const waits = this.#waitsFor(foremost)
    while (this.ring.oldest !== undefined && (this.ring.bytes > ringBytes || budget.exhausted)) {
      if (waits && this.ring.oldest.next > foremost) break
      this.ring.dropOldest()
    }
    return foremost
  }

  /** Of those behind the head; who has reached it is about to attach. */
  #foremost(): number {
    let foremost = -1
    for (const { next } of this.#detached) if (next > foremost && next < this.head) foremost = next
    return foremost
  }

  /** Whether the tail stays a ring ahead of this offset: when nobody rides the head, or while it works off a backlog. */
  #waitsFor(foremost: number): boolean {
    if (this.#detached.size === this.#cursors.size) return true
    return this.#recovery !== undefined && this.ring.find(foremost) !== undefined
  }

  /** Says whether the tail may go on. */
  #flow(): boolean {
    const foremost = this.#trim()
    const { ringBytes, budget } = this.#host
    if (budget.exhausted) {
      this.paused = 'budget'
      budget.whenRoom(this.onRoom)
    } else this.paused = this.#waitsFor(foremost) && this.ring.bytesAfter(foremost) >= ringBytes ? 'ahead' : null
    return this.paused === null
  }

  /** Is the cursor that the tail waits for worth it? */
  #checkRecovery(): void {
    const foremost = this.#foremost()
    if (this.paused === 'ahead' && foremost < this.#seen + HOLD_OFFSETS) this.#endRecovery()
    this.#seen = foremost
  }

  #endRecovery(): void {
    if (this.#recovery === undefined) return
    clearInterval(this.#recovery)
    this.#recovery = undefined
    this.#reconsider()
  }

  #reconsider(): void {
    if (this.paused === 'ahead' && !this.closed && this.#flow()) this.#host.tail.resume(this.at)
  }

  #resume(): void {
    if (this.paused === null || this.head === Infinity) return
    this.paused = null
    this.#host.tail.resume(this.at)
  }

  /** Begins, or jumps ahead: whoever rode the head goes on by itself from where it was. */
  #startTail(from: number): void {
    const riders = [...this.#cursors].filter((cursor) => cursor.isAttached)
    for (const cursor of riders) cursor.stop()
    this.#stopTail()
    this.head = from
    this.end = Math.max(this.end, from)
    this.#host.tail.add(this.at, BigInt(from))
    let looks = RECOVERY_MS / HOLD_MS
    this.#recovery = setInterval(() => (looks-- > 0 ? this.#checkRecovery() : this.#endRecovery()), HOLD_MS)
    for (const cursor of riders) cursor.run()
  }

  #stopTail(): void {
    if (this.head === Infinity) return
    this.head = Infinity
    this.fault = null
    this.paused = null
    clearInterval(this.#recovery)
    this.#recovery = undefined
    this.ring.clear()
    this.#host.tail.remove(this.at)
  }
}
