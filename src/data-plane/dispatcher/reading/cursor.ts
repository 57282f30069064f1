import type { Standing } from '../../../contract/lineage.ts'
import { Countdown } from '../delivering/countdown.ts'
import type { Consumer } from '../delivering/consumer.ts'
import type { Delivery, DeliveryOwner } from '../delivering/deliver.ts'
import { Behind } from './behind.ts'
import { Flights, hasRoom } from './flights.ts'
import { formFor } from './form.ts'
import type { Place, Toucher } from './place.ts'
import type { Progress } from './progress.ts'
import { Remainder } from './remainder.ts'
import { standingAt } from './standing.ts'
import type { Entry, Segment } from './segment.ts'
import type { InLine } from '../in-line.ts'

/** Records that a cursor looks at in one turn, so that a long stretch that does not match holds up nobody. */
const TURN = 1000

/**
 * One Outlet on one partition.
 *
 *     attached ── window full ──► detached: reads by itself
 *        ▲   rides the head,         │  ring ─► own reads ─► ring
 *        │   costs nothing           ▼
 *        └──────────────── reached the head
 */
export class Cursor implements DeliveryOwner, InLine {
  readonly consumer: Consumer
  readonly place: Place<Cursor>
  /** Let go: never to be committed again. */
  released = false
  /** What the group holds, as far as we know. */
  committed = -1
  /** Waits for its commit. */
  dirty = false
  /** Delivers what is new. */
  running = false
  /** Number of its latest ask for a read: answers to earlier ones are void. */
  ask = 0
  readonly #committer: Toucher<Cursor>
  /** Null while nothing is pending: there are a hundred thousand cursors, and most of them are idle. */
  #pending: Flights | null = null
  /** Detached: what to read next. Attached: what lies below is not ours to deliver. */
  #next = 0
  #remainder: Remainder
  /** No record that it knows to be finished was written under a later one; an earlier one would make it seem that the log was cut. */
  #epoch: number
  /** Null while it is attached. */
  #behind: Behind | null = new Behind(false)

  /** @param committer told when the position may have moved. @param leaderEpoch of the records below `progress.upTo`, or a later one. */
  constructor(
    consumer: Consumer,
    place: Place<Cursor>,
    progress: Progress,
    committer: Toucher<Cursor>,
    leaderEpoch: number,
  ) {
    this.consumer = consumer
    this.place = place
    this.#committer = committer
    this.#next = this.committed = progress.position
    this.#remainder = Remainder.of(progress)
    this.#epoch = leaderEpoch
  }

  /** The Outlet's group, which holds the position. */
  get group(): string {
    return this.consumer.prepared.outlet.group
  }

  get isAttached(): boolean {
    return this.#behind === null
  }

  /** Under way, or held back by one of their key that is. */
  get inFlight(): number {
    return this.#pending?.size ?? 0
  }

  /** When the oldest of them was stored, milliseconds since 1970; null: there is none. */
  get oldestAt(): number | null {
    return this.#pending?.first?.entry.timestamp ?? null
  }

  /** The offset from which on nothing was looked at yet. */
  get next(): number {
    return this.isAttached && this.place.head > this.#next ? this.place.head : this.#next
  }

  /** Everything below is finished: what may be committed. */
  get position(): number {
    return this.#pending?.first?.offset ?? this.#remainder.after(this.next)
  }

  get leaderEpoch(): number {
    return this.isAttached ? Math.max(this.#epoch, this.place.leaderEpoch) : this.#epoch
  }

  progress(): Progress {
    return this.#remainder.progress(this.next, this.#pending ?? [])
  }

  /** Where the record at this offset stands. */
  standing(offset: number): Standing {
    return standingAt(offset, this, this.#pending, this.#remainder)
  }

  /** Starts, or goes on after `stop`. */
  run(): void {
    this.running = true
    this.pump()
  }

  /** The Outlet was edited: its window may have grown. */
  changed(): void {
    this.#pending?.changed(this.running)
    this.pump()
  }

  /** An event at the head that matches, or a record that is none. Attached only. */
  offer(entry: Entry): void {
    const form = entry.event === null ? formFor(entry, this.consumer.prepared) : entry
    if (form === null || !this.#wanted(entry.offset)) return
    if (!hasRoom(this, this.consumer, this.#pending) || !this.#begins(form)) this.#detach(entry.offset)
  }

  /**
   * Detached: reads on as long as the window and the subscriber's lane have room.
   *
   *     next ─► at the head? attach ─► in ring or chunk? ─► filter ─► deliver
   *                                          └─ no: ask for a read, come back with `give`
   */
  pump(): void {
    if (this.#behind === null || this.#behind.waits) return
    let left = TURN
    // what it begins may come to its end at once, and take it on to the head
    for (
      let behind: Behind | null = this.#behind;
      behind !== null && this.running && hasRoom(this, this.consumer, this.#pending);
      behind = this.#behind
    ) {
      this.#next = this.#remainder.after(this.#next)
      if (this.#next >= this.place.head && (behind.inLog || this.#next === this.place.head)) return this.#attach()
      const segment = this.#segment(behind)
      if (segment === undefined) {
        behind.asked = true
        this.ask++
        return this.place.behind(this)
      }
      if (left-- === 0) return behind.later(() => this.pump())
      if (!this.#step(behind, segment)) break
    }
    this.place.progressed(this)
  }

  /** Something that it may have waited for has changed. */
  proceed(): void {
    if (this.isAttached || !this.running) return
    if (this.place.matching) this.place.later(this)
    else this.pump()
  }

  /** Whether the answer to this ask is still wanted. It is not after a `stop` or `rewind`: it may tell of what is gone. */
  awaits(ask = this.ask): boolean {
    return this.#behind?.asked === true && ask === this.ask
  }

  /** What was asked for can be read, or will be: it is not beyond the end. */
  found(): void {
    if (this.#behind !== null) this.#behind.inLog = true
  }

  /** Records that were read for this cursor, or for another one close by; null: the read gave nothing. */
  give(segment: Segment | null): void {
    if (this.#behind === null) return
    this.#behind.asked = false
    this.#behind.chunk = segment
    this.pump()
  }

  dropChunk(): void {
    if (this.#behind !== null) this.#behind.chunk = null
  }

  /** Retention was faster. @returns how many events of this cursor are lost. */
  expired(next: number): number {
    const from = this.next
    this.#next = Math.max(this.isAttached ? this.#next : from, next)
    return this.#remainder.countBelow(next, from)
  }

  /** The log was cut: what was read at or above `next` is gone. @param anew all of it is gone, and `next` is the beginning. */
  rewind(next: number, anew: boolean): void {
    const cut = anew ? 0 : next
    this.#pending?.cut(cut)
    this.#remainder.cut(cut)
    const to = anew ? next : Math.min(this.next, next)
    const behind = this.#behind ?? this.#detach(to)
    // another log begins to count anew
    if (anew) this.#epoch = -1
    this.#next = to
    behind.asked = false
    this.#leaveChunk()
    this.#committer.touch(this)
  }

  settled(delivery: Delivery): void {
    const next = this.#pending?.end(delivery) ?? null
    if (this.inFlight === 0) this.#pending = null
    this.#committer.touch(this)
    this.#behind?.ends?.one()
    // who is stopped begins nothing: what is held goes to the next owner
    if (next !== null && this.running) next.start()
    this.proceed()
  }

  abandoned(): void {
    this.#behind?.ends?.one()
  }

  /** Delivers nothing new; what is in flight goes on. */
  stop(): void {
    this.#halt()
  }

  /** Stops; resolves when what is in flight came to its end. Whoever waits for a retry is left to the next owner. */
  drain(): Promise<void> {
    const behind = this.#halt()
    return (behind.ends ??= new Countdown()).wait(this.#pending?.lastChance() ?? 0)
  }

  /** Stops and aborts what is in flight. The progress stays: `run` takes up exactly what was not finished. */
  abort(): void {
    const behind = this.#halt()
    const progress = this.progress()
    this.#pending?.cut(0)
    this.#leaveChunk()
    this.#next = progress.position
    this.#remainder = Remainder.of(progress)
    behind.ends?.end()
  }

  #halt(): Behind {
    this.running = false
    const behind = this.#behind ?? this.#detach(this.next)
    behind.asked = false
    return behind
  }

  /** Without room in memory it gets in line there, and the event does not begin. */
  #begins(form: Entry): boolean {
    if (!this.consumer.share.admits(this, form, this.consumer.prepared.json)) return false
    // a batch that somebody failed to take comes again: this one was taken
    this.#next = form.offset + 1
    ;(this.#pending ??= new Flights(this.consumer, this)).begin(form)
    return true
  }

  #attach(): void {
    this.#leaveChunk()
    this.#behind = null
    this.place.attached(this)
  }

  #detach(next: number): Behind {
    this.#epoch = this.leaderEpoch
    this.#behind = new Behind(true)
    this.#next = next
    this.place.detached(this)
    return this.#behind
  }

  #segment(behind: Behind): Segment | undefined {
    if (behind.chunk?.covers(this.#next) === true) return behind.chunk
    this.#leaveChunk()
    return this.place.ring.find(this.#next)
  }

  #leaveChunk(): void {
    if (this.#behind === null || this.#behind.chunk === null) return
    this.#behind.chunk = null
    this.place.leftChunk(this)
  }

  /** @returns whether it got on. */
  #step(behind: Behind, segment: Segment): boolean {
    this.#epoch = Math.max(this.#epoch, segment.leaderEpoch)
    const entry = behind.look(segment, this.#next, this.place.shared)
    const form = entry !== null && this.#wanted(entry.offset) ? formFor(entry, this.consumer.prepared) : null
    if (form !== null) return this.#begins(form)
    this.#next = entry === null ? segment.next : entry.offset + 1
    return true
  }

  #wanted(offset: number): boolean {
    return offset >= this.#next && this.#remainder.wants(offset)
  }
}
