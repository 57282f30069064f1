import type { InLine } from '../in-line.ts'
import type { Entry } from './segment.ts'

/** What a delivery costs beside the event's data: attributes, delivery, request. Bytes. */
const OVERHEAD = 2048
/** What an event in structured mode costs beside that, for each byte of data: it is written anew, and some of it grows. */
const JSON_SHARE = 1.5
/** Of all: the reserves of all Outlets, those of all topics, and what is for whoever comes. */
const [OUTLETS, TOPICS, COMMON] = [1 / 8, 3 / 8, 1 / 2]
/** Of what nobody holds of that, a topic may take so much. */
const SLICE = 1 / 2
/** An event that is larger than this part of the common asks for no more. */
const LARGE = 1 / 4

/** What all of it is counted in too. */
export interface Memory {
  take(bytes: number): void
  give(bytes: number): void
}

/**
 * Memory of the events in flight of a process, by who holds it: subscribers that hang shall take it from nobody else.
 *
 *     1/8 reserves, alike for the Outlets of a topic ─────────┐
 *     3/8 reserves, alike for each topic ─────────────┐       │
 *     1/2 in common: whoever comes takes a slice ─────┴► topic ┴► Outlet
 *
 * **Law**: an event begins when it fits, with all that its Outlet holds,
 *
 * - into the reserve of an Outlet; or else,
 * - with that once more, and all that its topic holds, into the reserve of a topic and half of what nobody holds of the common.
 *
 * So whatever others hold each topic (a Broker, a topic of a KafkaSource) has its reserve, and each Outlet; one that hangs leaves most of the
 * common to other topics, and twice as much as it holds to its siblings. All together never hold more than the limit. But an event that is larger
 * than an eighth of it may begin beyond that, while half of the common is free: else it never could.
 *
 * What does not fit waits, and what is behind it on its partition; where very many hang, what is larger than a reserve waits until some of them
 * answer, or their time is up.
 */
export class InFlight {
  readonly limit: number
  /** Never more than the limit, but for one large event. */
  held = 0
  readonly #memory: Memory
  readonly #waiting = new Set<OutletShare>()
  #topics = 0
  #looking: NodeJS.Immediate | undefined

  constructor(limit: number, memory: Memory) {
    this.limit = limit
    this.#memory = memory
  }

  /** Outlets of which an event waits for room. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** One more topic has a reserve, until it leaves. */
  join(): TopicShare {
    this.#topics++
    return new TopicShare(this)
  }

  left(): void {
    this.#topics--
    this.look()
  }

  /** The law. */
  allows(outlet: number, { held: topic, outlets }: TopicShare, bytes: number): boolean {
    const slice = Math.max(0, this.limit * COMMON - this.held) * SLICE
    const held = 2 * outlet + topic
    if (held + Math.min(bytes, this.limit * COMMON * LARGE) <= slice) return true
    // reserves shrink as others come: those that hold what theirs were shall not go beyond the limit together
    if (this.held + bytes > this.limit) return false
    const reserve = this.limit / this.#topics
    return held + bytes <= reserve * TOPICS + slice || outlet + bytes <= (reserve * OUTLETS) / outlets
  }

  take(bytes: number): void {
    this.held += bytes
    this.#memory.take(bytes)
  }

  give(bytes: number): void {
    this.held -= bytes
    this.#memory.give(bytes)
    this.look()
  }

  wait(share: OutletShare): void {
    this.#waiting.add(share)
  }

  /** There may be room, in a later turn, for those that wait. */
  look(): void {
    if (this.#waiting.size === 0 || this.#looking !== undefined) return
    this.#looking = setImmediate(() => {
      this.#looking = undefined
      for (const share of [...this.#waiting]) if (!share.goOn()) this.#waiting.delete(share)
    })
  }
}

/** What the Outlets of one topic hold together: the data of an event once, however many of them hold it. */
export class TopicShare {
  held = 0
  outlets = 0
  readonly all: InFlight

  constructor(all: InFlight) {
    this.all = all
  }

  /** One more Outlet reads it. */
  join(): OutletShare {
    this.outlets++
    return new OutletShare(this)
  }

  /** Nobody reads it any more. */
  leave(): void {
    this.all.left()
  }

  take(bytes: number): void {
    this.held += bytes
    this.all.take(bytes)
  }

  give(bytes: number): void {
    this.held -= bytes
    this.all.give(bytes)
  }
}

/** What one Outlet holds, its siblings' part in the same events included; and its cursors that wait for room, in turns. */
export class OutletShare {
  held = 0
  readonly #topic: TopicShare
  /** What each of them asks for. Null before the first: there are ten thousand Outlets, and most of them never wait. */
  #line: Map<InLine, number> | null = null
  /** It is the turn of those in line. */
  #turn = false

  constructor(topic: TopicShare) {
    this.#topic = topic
  }

  /** It could not hold twice as much: windows shrink to one, so that each of its partitions has something. */
  get tight(): boolean {
    return !this.#fits(this.held)
  }

  /** It could hold three times as much: there may be events that only wait for their turn. */
  get roomy(): boolean {
    return this.#fits(2 * this.held)
  }

  /** Whether this event may begin. If not, who asks goes on when it may. @param json it is written in structured mode. */
  admits(one: InLine, entry: Entry, json: boolean): boolean {
    const bytes = costOf(entry, json) + (entry.isHeld ? 0 : entry.bytes)
    if (this.#fits(bytes) && !this.#yields(one)) {
      this.#line?.delete(one)
      return true
    }
    this.#wait(one, bytes)
    return false
  }

  /** It is full. If that is for want of memory, who asks goes on when there is more. @param heldBack it is so of events that keys hold back. */
  untilWider(one: InLine, heldBack: boolean): void {
    if (this.tight) this.#wait(one, this.held)
    else if (heldBack && !this.roomy) this.#wait(one, 2 * this.held)
  }

  /** An event begins. @returns what is to be given back with it. */
  take(entry: Entry, json: boolean): number {
    const cost = costOf(entry, json)
    this.held += cost + entry.bytes
    this.#topic.take(entry.hold() ? cost + entry.bytes : cost)
    return cost
  }

  give(entry: Entry, cost: number): void {
    this.held -= cost + entry.bytes
    this.#topic.give(entry.release() ? cost + entry.bytes : cost)
  }

  /** Those in line go on, as far as there is room. @returns whether some still wait. */
  goOn(): boolean {
    if (this.#line === null) return false
    this.#turn = true
    for (const [one, bytes] of this.#fits(OVERHEAD) ? [...this.#line] : []) {
      if (!this.#fits(bytes)) continue
      this.#line.delete(one)
      one.proceed()
    }
    this.#turn = false
    return this.#line.size > 0
  }

  /** It is gone: nobody waits any more, and its siblings have its reserve. */
  close(): void {
    this.#topic.outlets--
    this.#line?.clear()
    this.#topic.all.look()
  }

  #fits(bytes: number): boolean {
    return this.#topic.all.allows(this.held, this.#topic, bytes)
  }

  /** The first in line is about to go on: who gave back what he held does not take it again at once. */
  #yields(one: InLine): boolean {
    if (this.#line === null || this.#turn) return false
    const [[first, bytes] = [one, 0]] = this.#line
    return first !== one && this.#fits(bytes)
  }

  #wait(one: InLine, bytes: number): void {
    ;(this.#line ??= new Map()).set(one, bytes)
    this.#topic.all.wait(this)
  }
}

function costOf(entry: Entry, json: boolean): number {
  return json ? OVERHEAD + JSON_SHARE * entry.bytes : OVERHEAD
}
