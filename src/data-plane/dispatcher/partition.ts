import { MatchIndex } from '../../event/match-index.ts'
import type { Batch, OffsetMoved, Tail, TopicPartition } from '../../kafka/log.ts'
import type { Budget } from './budget.ts'
import type { Cursor, Place } from './cursor.ts'
import { Ring } from './ring.ts'
import { Segment, type Entry } from './segment.ts'

/** A cursor this far ahead of the head is not made to wait for the tail. */
const JUMP = 1000

/** What a partition needs from its process. */
export interface PartitionHost {
  readonly tail: Tail
  readonly budget: Budget
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
 *     tail ─► batch ─► index: attributes → attached cursors that match ─► deliver
 *               └────► ring, while some cursor is detached
 *
 * Flow: a slow cursor never holds up the tail, its ring is cut off. Only when nobody rides the head is the tail paused, a ring ahead of the
 * foremost cursor; and when the process's budget is used up.
 */
export class Partition implements Place {
  readonly at: TopicPartition
  readonly ring: Ring
  /** Infinite while the tail does not run: nobody is at the head then. */
  head = Infinity
  end = 0
  leaderEpoch = -1
  matching = false
  closed = false
  readonly #host: PartitionHost
  readonly #cursors = new Set<Cursor>()
  readonly #detached = new Set<Cursor>()
  readonly #index = new MatchIndex<Cursor>()
  readonly #matches: Cursor[] = []
  #later: Cursor[] = []
  #paused: 'ahead' | 'budget' | null = null

  constructor(at: TopicPartition, host: PartitionHost) {
    this.at = at
    this.#host = host
    this.ring = new Ring(host.budget)
  }

  /**
   * Takes cursors in and lets them run. The tail begins at the foremost, the others catch up: so one that is a million events behind does not
   * hold up the rest.
   */
  open(cursors: readonly Cursor[]): void {
    for (const cursor of cursors) {
      this.#cursors.add(cursor)
      this.#detached.add(cursor)
      this.#index.add(cursor, cursor.consumer.prepared.filter)
    }
    const foremost = Math.max(-1, ...cursors.map((cursor) => cursor.position))
    if (foremost >= 0 && (this.head === Infinity || foremost > this.head + JUMP)) this.#startTail(foremost)
    for (const cursor of cursors) cursor.run()
  }

  /** Lets a cursor go; who removes it has stopped it. */
  remove(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return
    this.#detached.delete(cursor)
    this.#index.remove(cursor)
    if (this.#cursors.size === 0) this.#stopTail()
    else this.#reconsider()
  }

  /** Its filter changed. */
  refile(cursor: Cursor): void {
    this.#index.add(cursor, cursor.consumer.prepared.filter)
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
    this.#hand(segment)
    this.head = segment.next
    this.ring.push(segment)
    const later = this.#later
    this.#later = []
    for (const cursor of later) cursor.pump()
    return this.#flow()
  }

  moved(moved: OffsetMoved): void {
    const next = Number(moved.next)
    if (moved.kind === 'expired') for (const cursor of this.#cursors) this.#expire(cursor, next)
    this.ring.clear()
    this.head = next
    if (moved.kind === 'expired') return
    this.end = next
    for (const cursor of this.#cursors) cursor.rewind(next, moved.kind === 'recreated')
    for (const cursor of this.#cursors) cursor.pump()
  }

  attached(cursor: Cursor): void {
    this.#detached.delete(cursor)
    // nobody is behind: nobody will ask the ring
    if (this.#detached.size === 0) this.ring.clear()
    else this.#trim()
    this.#reconsider()
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
    if (this.#paused === 'ahead' && this.ring.bytesAfter(cursor.next) < this.#host.ringBytes / 2) this.#resume()
  }

  /**
   * The hot loop of the head: decode once, ask the index once, call only who matches and rides the head.
   *
   *     record ─► entry ─► index.match ─► attached? offer
   *                 └─ no event: all attached
   */
  #hand(segment: Segment): void {
    this.matching = true
    for (let i = 0; i < segment.length && this.#ridden; i++) {
      // kept only if someone who is behind will ask for it again
      const entry = this.#detached.size > 0 ? segment.entry(i) : segment.decode(i)
      if (entry.event === null) this.#offerAll(entry)
      else {
        this.#matches.length = 0
        this.#index.match(entry.event.attributes, this.#matches)
        for (const cursor of this.#matches) if (cursor.isAttached) cursor.offer(entry)
      }
    }
    this.matching = false
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
    let foremost = -1
    let hindmost = Infinity
    for (const cursor of this.#detached) {
      if (cursor.next > foremost) foremost = cursor.next
      if (cursor.next < hindmost) hindmost = cursor.next
    }
    this.ring.dropBelow(hindmost)
    const { ringBytes, budget } = this.#host
    while (this.ring.oldest !== undefined && (this.ring.bytes > ringBytes || budget.exhausted)) {
      // nobody rides the head: the ring is all that the foremost has before it
      if (!this.#ridden && this.ring.oldest.next > foremost) break
      this.ring.dropOldest()
    }
    return foremost
  }

  /** Says whether the tail may go on. */
  #flow(): boolean {
    const foremost = this.#trim()
    const { ringBytes, budget } = this.#host
    if (budget.exhausted) {
      this.#paused = 'budget'
      budget.whenRoom(() => this.#resume())
    } else this.#paused = !this.#ridden && this.ring.bytesAfter(foremost) >= ringBytes ? 'ahead' : null
    return this.#paused === null
  }

  get #ridden(): boolean {
    return this.#detached.size < this.#cursors.size
  }

  #reconsider(): void {
    if (this.#paused === 'ahead' && !this.closed && this.#flow()) this.#host.tail.resume(this.at)
  }

  #resume(): void {
    if (this.#paused === null || this.head === Infinity) return
    this.#paused = null
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
    for (const cursor of riders) cursor.run()
  }

  #stopTail(): void {
    if (this.head === Infinity) return
    this.head = Infinity
    this.#paused = null
    this.ring.clear()
    this.#host.tail.remove(this.at)
  }
}
