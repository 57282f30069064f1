import { mkdir, unlink, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import { createFile, fileFlag, fileHeadBytes, filesIn, writeAt, type KnownFile } from './file.ts'

/** How much is kept. */
export interface JournalBounds {
  /** Of all files together, bytes. */
  readonly bytes: number
  /** What is older is not kept, milliseconds. */
  readonly ageMs: number
}

/** What is kept is given up in so many parts, the oldest first. */
const parts = 8
/** A process that starts again and again leaves a file behind each time: no more of them are kept. */
const mostFiles = 64
/** Other processes may use the folder, against advice: so many names are tried. */
const mostTries = 100

/**
 * The files of a journal on disk: one that is written to, and older ones, which go when all of them together are too large or too old.
 *
 *     block ─► newest file ─► it has its share, or is too old ─► the next one ─► too much in all: the oldest goes
 */
export class JournalFiles {
  readonly #folder: string
  readonly #bounds: JournalBounds
  readonly #clock: Clock
  #files: KnownFile[] | null = null
  #current: { readonly file: KnownFile; readonly handle: FileHandle; readonly madeAt: number } | null = null
  /** Of the next file. */
  #flags = 0
  /** Before the first file is made things may be noted already. */
  #begunAt: number | null
  #begunAfterGap = false

  constructor(folder: string, bounds: JournalBounds, clock: Clock) {
    this.#folder = folder
    this.#bounds = bounds
    this.#clock = clock
    this.#begunAt = clock.now()
  }

  /** Bytes on disk. */
  get bytes(): number {
    return (this.#files ?? []).reduce((sum, { size }) => sum + size, 0)
  }

  /** As they are now, oldest first: what is written later is not in it. */
  get list(): readonly Readonly<KnownFile>[] {
    return (this.#files ?? []).map((file) => ({ ...file }))
  }

  /** Looks at what is there, and begins a file. @throws the system's error. */
  async open(): Promise<void> {
    if (this.#current !== null) return
    // somebody may have cleaned up
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const files = this.#files ?? (await this.#found())
    this.#files = files
    const number = (files.at(-1)?.number ?? 0) + 1
    const madeAt = this.#clock.now()
    const isNext = this.#flags === fileFlag.continues
    const head = { flags: this.#flags, begunAt: (isNext ? files.at(-1)?.lastAt : this.#begunAt) ?? madeAt }
    for (let tried = 0; this.#current === null; tried++) {
      try {
        const { file, handle } = await createFile(this.#folder, number + tried, head)
        files.push(file)
        this.#current = { file, handle, madeAt }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tried === mostTries) throw error
      }
    }
    this.#begunAfterGap = this.#flags === fileFlag.gap
    this.#flags = 0
    this.#begunAt = null
    await this.trim(0)
  }

  /** @throws the system's error; the block is lost then, and the next one goes into a file of its own. */
  async write(block: Buffer): Promise<void> {
    await this.#leaveDeleted()
    if (this.#isFull(block.length)) await this.#leave(fileFlag.continues)
    await this.open()
    await this.trim(block.length)
    const current = this.#current
    if (current === null) return
    const { file, handle } = current
    try {
      await writeAt(handle, block, file.size)
      file.size += block.length
      file.lastAt = this.#clock.now()
    } catch (error) {
      // what was written of it is no block
      await handle.truncate(file.size).catch(() => undefined)
      await this.#leave(fileFlag.gap).catch(() => undefined)
      throw error
    }
  }

  /** Deletes what is too old, and what is too much with `more` bytes. */
  async trim(more: number): Promise<void> {
    const files = this.#files ?? []
    const { bytes, ageMs } = this.#bounds
    const oldest = this.#clock.now() - ageMs
    while (files.length > 1) {
      const [first] = files
      if (first === undefined || first === this.#current?.file) return
      const isTooMuch = this.bytes + more > bytes || files.length > mostFiles
      if (!isTooMuch && first.lastAt >= oldest) return
      files.shift()
      await unlink(first.path).catch(() => undefined)
    }
  }

  /** Also where nothing is written any more, what is too old goes. @throws the system's error. */
  async tidy(): Promise<void> {
    const { file } = this.#current ?? {}
    if (file === undefined) return
    if (file.size > fileHeadBytes && file.lastAt < this.#clock.now() - this.#bounds.ageMs) {
      await this.#leave(fileFlag.continues)
      await this.open()
    }
    await this.trim(0)
  }

  /** An empty file that says nothing is not left behind. */
  async close(): Promise<void> {
    const { file } = this.#current ?? {}
    await this.#leave(0)
    if (file?.size === fileHeadBytes && !this.#begunAfterGap) await unlink(file.path).catch(() => undefined)
  }

  #isFull(more: number): boolean {
    if (this.#current === null) return false
    const { file, madeAt } = this.#current
    if (file.size === fileHeadBytes) return false
    const { bytes, ageMs } = this.#bounds
    return file.size + more > bytes / parts || this.#clock.now() - madeAt > ageMs / parts
  }

  /** What goes into a file that somebody has deleted is gone: the next one is to be found again. */
  async #leaveDeleted(): Promise<void> {
    const { file, handle } = this.#current ?? {}
    if (file === undefined || handle === undefined || (await handle.stat()).nlink > 0) return
    this.#files = null
    await this.#leave(file.size === fileHeadBytes ? this.#flags : fileFlag.gap)
  }

  async #leave(flags: number): Promise<void> {
    const { handle } = this.#current ?? {}
    this.#current = null
    this.#flags = flags
    await handle?.close()
  }

  /** What processes left behind that ended before they had anything to say goes at once; their end may have been a sudden one. */
  async #found(): Promise<KnownFile[]> {
    const all = await filesIn(this.#folder)
    const empty = all.filter(({ size }) => size <= fileHeadBytes)
    if (empty.length > 0) this.#flags = fileFlag.gap
    for (const { path } of empty) await unlink(path).catch(() => undefined)
    return all.filter((file) => !empty.includes(file))
  }
}
