import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import type { Logger } from '../logger.ts'
import {
  Block,
  blockBytes,
  flag,
  headBytes,
  lengthBytes,
  mostBytes,
  mostNameBytes,
  nameBytes,
  noteBytes,
} from './block.ts'
import { JournalFiles, type JournalBounds } from './files.ts'
import type { Note, Remembered, Wanted } from './note.ts'
import { scan } from './scan.ts'
import { BlockWriter } from './writer.ts'

export interface JournalOptions {
  /** Of this process alone; made when it is not there. */
  readonly folder: string
  readonly bounds: JournalBounds
  readonly clock: Clock
  readonly logger: Logger
  /** How long a note may stay in memory alone, milliseconds. Default 1,000. */
  readonly flushMs?: number
  /** How much may wait for the disk, bytes. Default 4 MiB. */
  readonly maxPendingBytes?: number
}

/** What a look into a journal says beside the notes. */
export interface Recall {
  /** Everything from here on is remembered, milliseconds since 1970. */
  readonly from: number
  /** Why less is remembered than should be, now; absent: nothing is wrong. */
  readonly trouble?: string
}

/** Who asks waits so long at most for what is still in memory, milliseconds: a disk may hang. */
const flushWaitMs = 2_000
/** How often files that are too old are looked for, milliseconds. */
const tidyMs = 60_000

/**
 * What a process remembers, on disk, bounded in bytes and age. A disk that is full, slow or not there takes nothing but memory away: what is
 * noted then is lost, and counted.
 *
 *     note ─► block (64 KiB, or a second) ─► BlockWriter: one at a time, bounded ─► JournalFiles: newest … oldest, which goes
 *                                                                                        └─► scan, in slices ─► who asks
 */
export class Journal {
  readonly #clock: Clock
  readonly #bounds: JournalBounds
  readonly #files: JournalFiles
  readonly #writer: BlockWriter
  readonly #flushMs: number
  readonly #openedAt: number
  readonly #tidying: NodeJS.Timeout
  #block: Block
  #timer: NodeJS.Timeout | null = null
  #noted = 0
  #leftOut = 0
  #closed = false

  constructor(options: JournalOptions) {
    const { folder, bounds, clock, logger, flushMs = 1_000, maxPendingBytes = 4 * 1024 * 1024 } = options
    this.#clock = clock
    this.#flushMs = flushMs
    this.#openedAt = clock.now()
    this.#files = new JournalFiles(folder, bounds, clock)
    this.#writer = new BlockWriter({ files: this.#files, folder, clock, logger, maxPendingBytes })
    this.#block = this.#writer.take()
    this.#bounds = bounds
    this.#tidying = setInterval(() => this.#writer.tidy(), tidyMs)
    this.#tidying.unref()
  }

  /** Notes since the start, those included that are lost. */
  get noted(): number {
    return this.#noted
  }

  /** Notes that are lost since the start. */
  get lost(): number {
    return this.#writer.lost + this.#leftOut
  }

  /** On disk. */
  get bytes(): number {
    return this.#files.bytes
  }

  /** Remembers. Costs some writes into memory; never throws, never waits. */
  note(note: Note): void {
    if (this.#closed) return
    this.#noted++
    const textBytes = note.text === undefined ? 0 : Buffer.byteLength(note.text)
    const room = this.#block.room(note, textBytes)
    if (!this.#block.has(room) && !this.#makeRoom(note, textBytes)) return
    this.#block.add(note, textBytes, this.#clock.now())
    if (this.#timer === null) {
      this.#timer = setTimeout(() => this.#due(), this.#flushMs)
      this.#timer.unref()
    }
  }

  /** Counts one that is not to be remembered, so that others are. */
  leaveOut(): void {
    this.#noted++
    this.#leftOut++
  }

  /**
   * Visits what is wanted, oldest first, what has just been noted included.
   * @throws the signal's reason.
   */
  async recall(wanted: Wanted, visit: (note: Remembered) => void, signal?: AbortSignal): Promise<Recall> {
    await inTime(this.flush(), { ms: flushWaitMs })
    const oldest = this.#clock.now() - this.#bounds.ageMs
    const from = await scan(this.#files.list, wanted, (note) => note.at >= oldest && visit(note), signal)
    const { trouble, lostAt } = this.#writer
    const known = Math.max(from ?? this.#openedAt, oldest, lostAt)
    return { from: Math.min(known, this.#clock.now()), ...(trouble === null ? {} : { trouble }) }
  }

  /** Resolves when what has been noted is with the system, or is lost. */
  async flush(): Promise<void> {
    if (this.#block.count > 0) this.#send(0)
    await this.#writer.drained()
  }

  /** Notes nothing any more, and writes what is left, at the latest after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#tidying)
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#noted > 0) this.#send(flag.closed)
    await inTime(this.#writer.close(), { ms: deadlineMs })
  }

  #due(): void {
    this.#timer = null
    if (this.#block.count > 0) this.#send(0)
  }

  #send(flags: number): void {
    this.#writer.write(this.#block, flags)
    this.#block = this.#writer.take()
  }

  /** A block that has room for it, and for nothing more when it alone is larger than blocks are. @returns false: it is too large. */
  #makeRoom({ subject, topic }: Note, textBytes: number): boolean {
    const names = Buffer.byteLength(subject) + Buffer.byteLength(topic)
    const bytes = headBytes + noteBytes + lengthBytes + textBytes + 2 * nameBytes + names
    if (names > mostNameBytes || bytes > mostBytes) {
      this.#leftOut++
      return false
    }
    if (this.#block.count > 0) this.#send(0)
    if (bytes > blockBytes) this.#block = new Block(bytes)
    return true
  }
}
