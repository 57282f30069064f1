import type { Batch, LogReader, OffsetMoved } from '../../../kafka/log.ts'
import type { Budget } from './budget.ts'
import type { Cursor } from './cursor.ts'
import { Segment } from './segment.ts'

export interface CatchUpHost {
  readonly reader: LogReader
  readonly budget: Budget
  readonly readBytes: number
  readonly maxReads: number
  readonly retryMs: number
  expired(cursor: Cursor, lost: number): void
  /**
   * The topic was cut, or made anew. A reader tells that once, to whoever meets it first: the tails shall see for themselves, and tell all
   * cursors together.
   */
  cut(cursor: Cursor): void
  /** Reading for this cursor failed, or (null) works again. */
  state(cursor: Cursor, error: unknown): void
}

/**
 * Reads for cursors that the ring has left behind: few at a time, small, in turns; cursors of one partition that stand close together share a
 * read.
 *
 *     behind ─► waiting (in order) ─► read ─► chunk ─► every waiting cursor that it covers
 */
export class CatchUp {
  readonly #host: CatchUpHost
  readonly #waiting = new Set<Cursor>()
  /** Who may hold a chunk, oldest first. */
  readonly #holders = new Map<Cursor, Segment>()
  /** Chunks by number of holders: their memory is counted once. */
  readonly #chunks = new Map<Segment, number>()
  readonly #reading = new Set<unknown>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #onRoom = (): void => this.#kick()
  #heldBytes = 0
  #closed = false

  constructor(host: CatchUpHost) {
    this.#host = host
  }

  want(cursor: Cursor): void {
    this.#waiting.add(cursor)
    this.#kick()
  }

  /** The cursor does not look at its chunk any more. */
  leftChunk(cursor: Cursor): void {
    this.#unhold(cursor)
  }

  /** Others of this process need the memory. */
  dropReads(): void {
    this.#trim(0)
  }

  close(): void {
    this.#closed = true
    for (const cursor of [...this.#holders.keys()]) this.#unhold(cursor)
    this.#waiting.clear()
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #kick(): void {
    for (const cursor of this.#waiting) {
      if (this.#closed || this.#reading.size >= this.#host.maxReads) return
      if (!this.#host.budget.catchUpAllowed) {
        this.#trim(0)
        if (!this.#host.budget.catchUpAllowed) return this.#host.budget.whenRoom(this.#onRoom)
      }
      if (!cursor.awaits()) this.#waiting.delete(cursor)
      else if (!this.#reading.has(cursor.place)) this.#read(cursor)
    }
  }

  #read(cursor: Cursor): void {
    const { place, ask } = cursor
    this.#reading.add(place)
    this.#waiting.delete(cursor)
    const { reader, readBytes } = this.#host
    reader.read(place.at, BigInt(cursor.next), readBytes).then(
      (result) => {
        this.#reading.delete(place)
        if (cursor.awaits(ask)) this.#arrived(cursor, result)
        this.#kick()
      },
      (error: unknown) => {
        this.#reading.delete(place)
        if (cursor.awaits(ask)) this.#failed(cursor, error)
        this.#kick()
      },
    )
  }

  #arrived(cursor: Cursor, result: Batch | OffsetMoved): void {
    this.#host.state(cursor, null)
    if ('kind' in result) return this.#moved(cursor, result)
    cursor.found()
    const segment = new Segment(result)
    // nothing there (yet): the tail brings what comes
    if (segment.next <= segment.from) return this.#later(cursor)
    const served = [cursor]
    for (const other of this.#waiting)
      if (other.place === cursor.place && other.awaits() && segment.covers(other.next)) served.push(other)
    for (const one of served) {
      this.#waiting.delete(one)
      this.#hold(one, segment)
      one.give(segment)
    }
    this.#trim(this.#host.budget.readBytes)
  }

  #moved(cursor: Cursor, moved: OffsetMoved): void {
    if (moved.kind !== 'expired') {
      // the tail stands where the log still is, so it has nothing to tell
      if (cursor.place.head <= Number(moved.next)) return rewind(cursor, moved)
      this.#host.cut(cursor)
      return this.#later(cursor)
    }
    const lost = cursor.expired(Number(moved.next))
    if (lost > 0) this.#host.expired(cursor, lost)
    cursor.give(null)
  }

  #failed(cursor: Cursor, error: unknown): void {
    this.#host.state(cursor, error)
    this.#later(cursor)
  }

  #later(cursor: Cursor): void {
    const { ask } = cursor
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (cursor.awaits(ask) && !this.#closed) cursor.give(null)
    }, this.#host.retryMs)
    this.#timers.add(timer)
  }

  #hold(cursor: Cursor, segment: Segment): void {
    this.#unhold(cursor)
    this.#holders.set(cursor, segment)
    const holders = this.#chunks.get(segment) ?? 0
    this.#chunks.set(segment, holders + 1)
    if (holders > 0) return
    this.#heldBytes += segment.bytes
    this.#host.budget.take(segment.bytes)
  }

  #unhold(cursor: Cursor): void {
    const segment = this.#holders.get(cursor)
    if (segment === undefined) return
    this.#holders.delete(cursor)
    const holders = (this.#chunks.get(segment) ?? 1) - 1
    if (holders > 0) {
      this.#chunks.set(segment, holders)
      return
    }
    this.#chunks.delete(segment)
    this.#heldBytes -= segment.bytes
    this.#host.budget.give(segment.bytes)
  }

  /**
   * Cursors that wait for their subscribers give their chunks up, oldest first; they read again when they can go on. The newest is kept, unless
   * nothing may be: where it alone is more than may be held, it would be read again for each window.
   */
  #trim(bytes: number): void {
    for (const cursor of this.#holders.keys()) {
      if (this.#heldBytes <= bytes || (bytes > 0 && this.#chunks.size <= 1)) return
      this.#unhold(cursor)
      cursor.dropChunk()
    }
  }
}

function rewind(cursor: Cursor, { next, kind }: OffsetMoved): void {
  cursor.rewind(Number(next), kind === 'recreated')
  cursor.pump()
}
