import { open } from 'node:fs/promises'
import { flag, headBytes } from './block.ts'
import { fileFlag, fileHeadBytes, readFileHead, type KnownFile } from './file.ts'
import type { Remembered, Wanted } from './note.ts'
import { eachWanted, isWhole, readHead, type BlockHead } from './read-block.ts'

/** So much is read at a time, bytes: looked through within a millisecond, and between two reads others run. */
const readBytes = 256 * 1024

/**
 * Looks through files, oldest first, and visits what is wanted. A file that has gone meanwhile was the oldest one.
 * @returns everything from here on is there, milliseconds since 1970; null: there are no files.
 */
export async function scan(
  files: readonly Readonly<KnownFile>[],
  wanted: Wanted,
  visit: (note: Remembered) => void,
  signal?: AbortSignal,
): Promise<number | null> {
  let from: number | null = null
  let closed = true
  for (const file of files) {
    const blocks = blocksOf(file, signal)
    for await (const item of blocks) {
      if (item.kind === 'file') {
        const { flags, begunAt } = item
        const follows = (flags & fileFlag.continues) !== 0 || (closed && (flags & fileFlag.gap) === 0)
        if (from === null || !follows) from = begunAt
        closed = false
      } else if (item.kind === 'broken') {
        from = Infinity
      } else {
        const { head, block } = item
        if (from === Infinity || (head.flags & flag.gap) !== 0) from = head.base
        closed = (head.flags & flag.closed) !== 0
        eachWanted(block, head, wanted, visit)
      }
    }
  }
  return from
}

type Item =
  | { readonly kind: 'file'; readonly flags: number; readonly begunAt: number }
  | { readonly kind: 'block'; readonly head: BlockHead; readonly block: Buffer }
  /** A block that is not as it was written. */
  | { readonly kind: 'broken' }

/**
 * The blocks of a file, each good until the next one is asked for. What is no block ends it: where the next one begins nobody knows.
 * @throws the system's error; a file that has gone has no blocks.
 */
async function* blocksOf({ path, size }: Readonly<KnownFile>, signal?: AbortSignal): AsyncGenerator<Item> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return
  try {
    const input = new Input((buffer, offset, length, at) => handle.read(buffer, offset, length, at), size)
    const fileHead = readFileHead((await input.next(fileHeadBytes)) ?? Buffer.alloc(0))
    if (fileHead === null) {
      yield { kind: 'broken' }
      return
    }
    yield { kind: 'file', ...fileHead }
    for (;;) {
      signal?.throwIfAborted()
      if (input.atEnd) return
      const start = await input.peek(headBytes)
      const head = start === null ? null : readHead(start)
      const block = head === null ? null : await input.next(head.bytes)
      if (head === null || block === null) {
        yield { kind: 'broken' }
        return
      }
      yield isWhole(block, head) ? { kind: 'block', head, block } : { kind: 'broken' }
    }
  } finally {
    await handle.close()
  }
}

type Read = (buffer: Buffer, offset: number, length: number, at: number) => Promise<{ bytesRead: number }>

/** A file, read in large pieces and handed out in small ones. */
class Input {
  readonly #read: Read
  #buffer = Buffer.allocUnsafe(readBytes)
  #start = 0
  #end = 0
  /** Where in the file the end of the buffer is. */
  #position = 0
  readonly #size: number

  constructor(read: Read, size: number) {
    this.#read = read
    this.#size = size
  }

  /** All that was there when it was opened has been handed out. */
  get atEnd(): boolean {
    return this.#start === this.#end && this.#position >= this.#size
  }

  /** The next so many bytes; null: there are not so many. Good until the next call. */
  async next(bytes: number): Promise<Buffer | null> {
    const found = await this.peek(bytes)
    if (found !== null) this.#start += bytes
    return found
  }

  async peek(bytes: number): Promise<Buffer | null> {
    while (this.#end - this.#start < bytes) {
      this.#makeRoom(bytes)
      const most = Math.min(this.#buffer.length - this.#end, this.#size - this.#position)
      const { bytesRead } =
        most <= 0 ? { bytesRead: 0 } : await this.#read(this.#buffer, this.#end, most, this.#position)
      if (bytesRead === 0) return null
      this.#end += bytesRead
      this.#position += bytesRead
    }
    return this.#buffer.subarray(this.#start, this.#start + bytes)
  }

  #makeRoom(bytes: number): void {
    if (this.#start === 0 && bytes <= this.#buffer.length) return
    const larger = bytes > this.#buffer.length ? Buffer.allocUnsafe(bytes) : this.#buffer
    this.#buffer.copy(larger, 0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = larger
  }
}
