import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../logger.ts'
import { Block, blockBytes, flag } from './block.ts'
import type { JournalFiles } from './files.ts'

interface WriterParts {
  readonly files: JournalFiles
  /** For messages. */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
  readonly maxPendingBytes: number
}

interface Pending {
  readonly block: Block
  flags: number
}

/** A disk that took nothing is tried again after so long, milliseconds. */
const againMs = 5_000
/** Empty blocks that are kept to be filled. */
const mostSpare = 4

/** Writes blocks one at a time, in order. What waits is bounded: what is too much is lost, and so is what the disk does not take. */
export class BlockWriter {
  readonly #parts: WriterParts
  readonly #queue: Pending[] = []
  readonly #spare: Block[] = []
  #pendingBytes = 0
  #running: Promise<void> | null = null
  #lost = 0
  #lostAt = 0
  /** The next block that comes has a gap before it. */
  #gap = false
  #trouble: string | null = null
  #againAt = 0
  #isOpen = false

  constructor(parts: WriterParts) {
    this.#parts = parts
    // a folder that cannot be written to is to be known before there is something to remember
    this.#run(() => this.#attempt(() => parts.files.open()))
  }

  /** Notes that are lost. */
  get lost(): number {
    return this.#lost
  }

  /** When notes were lost last, milliseconds since 1970; 0: never. */
  get lostAt(): number {
    return this.#lostAt
  }

  /** Why nothing is remembered now; null: nothing is wrong. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** There is a file, or has been. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** An empty block. */
  take(): Block {
    return this.#spare.pop() ?? new Block()
  }

  /** Takes a block, with all that is in it. */
  write(block: Block, flags: number): void {
    const { clock, maxPendingBytes } = this.#parts
    const isLate = this.#trouble !== null && clock.monotonic() < this.#againAt
    // all of a block counts, however little is in it: so much memory it takes
    const size = block.buffer.length
    if (isLate || this.#pendingBytes + size > maxPendingBytes) {
      this.#gap = true
      return this.#lose(block)
    }
    this.#queue.push({ block, flags: this.#gap ? flags | flag.gap : flags })
    this.#gap = false
    this.#pendingBytes += size
    if (this.#running === null) this.#run(() => this.#drain())
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** While nothing can be written it waits: that nothing was to be tidied would not mean that something can. */
  tidy(): void {
    if (this.#running === null && this.#isOpen && this.#trouble === null)
      this.#run(() => this.#attempt(() => this.#parts.files.tidy()))
  }

  async close(): Promise<void> {
    await this.drained()
    await this.#parts.files.close().catch(() => undefined)
  }

  #run(work: () => Promise<unknown>): void {
    this.#running = work().then(() => {
      this.#running = null
      if (this.#queue.length > 0) this.#run(() => this.#drain())
    })
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { block, flags } = next
      const bytes = block.seal(flags, this.#parts.clock.now())
      const written = await this.#attempt(() => this.#parts.files.write(bytes))
      this.#pendingBytes -= block.buffer.length
      if (written) this.#keep(block)
      else {
        this.#markGap()
        this.#lose(block)
      }
    }
  }

  /** @returns whether it went well. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    const { folder, clock, logger } = this.#parts
    try {
      await work()
      this.#isOpen = true
      if (this.#trouble !== null) logger.warn({ folder }, 'the journal is written again')
      this.#trouble = null
      return true
    } catch (error) {
      const { message } = error as Error
      const trouble = `${folder} cannot be written to: ${message}`
      if (this.#trouble === null) {
        logger.warn({ folder, error: message }, 'the journal cannot be written; work goes on, and is not remembered')
      }
      this.#trouble = trouble
      this.#againAt = clock.monotonic() + againMs
      return false
    }
  }

  #markGap(): void {
    const [next] = this.#queue
    if (next === undefined) this.#gap = true
    else next.flags |= flag.gap
  }

  #lose(block: Block): void {
    this.#lost += block.count
    if (block.count > 0) this.#lostAt = this.#parts.clock.now()
    this.#keep(block)
  }

  #keep(block: Block): void {
    if (block.buffer.length !== blockBytes || this.#spare.length >= mostSpare) return
    block.reset()
    this.#spare.push(block)
  }
}
