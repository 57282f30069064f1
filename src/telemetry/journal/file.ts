import { open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A file of a journal: a head, then blocks one behind the other.
 *
 *     head   magic u32 · version u16 · flags u16 · when it was begun f64
 *
 * Only the process that made a file writes to it. What a process that ended in the middle of a block left behind at the end is no block, and is passed over.
 */
export const fileHeadBytes = 16
const magic = 0x464c524d
const version = 1

/** Of a file. */
export const fileFlag = {
  /** Its first note follows the last one of the file before, and nothing between them is lost. */
  continues: 1,
  /** Something that belongs before it is lost. */
  gap: 2,
} as const

interface FileHead {
  readonly flags: number
  /** Milliseconds since 1970. */
  readonly begunAt: number
}

/** A file that is there. */
export interface KnownFile {
  readonly number: number
  readonly path: string
  /** Bytes, those that are known to be good. */
  size: number
  /** When something was written to it last, milliseconds since 1970. */
  lastAt: number
}

const name = /^(\d{10})\.journal$/

/** The files of a folder, oldest first. @throws the system's error. */
export async function filesIn(folder: string): Promise<KnownFile[]> {
  const files: KnownFile[] = []
  for (const entry of await readdir(folder)) {
    const number = Number(name.exec(entry)?.[1] ?? -1)
    if (number < 0) continue
    const path = join(folder, entry)
    const found = await stat(path).catch(() => null)
    if (found !== null) files.push({ number, path, size: found.size, lastAt: found.mtimeMs })
  }
  return files.sort((a, b) => a.number - b.number)
}

/** Makes a file that was not there. @throws the system's error. */
export async function createFile(
  folder: string,
  number: number,
  head: FileHead,
): Promise<{ file: KnownFile; handle: FileHandle }> {
  const path = join(folder, `${String(number).padStart(10, '0')}.journal`)
  const handle = await open(path, 'wx', 0o600)
  try {
    await writeAt(handle, fileHead(head), 0)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await unlink(path).catch(() => undefined)
    throw error
  }
  return { file: { number, path, size: fileHeadBytes, lastAt: head.begunAt }, handle }
}

/** Writes all of it. @throws the system's error. */
export async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const one = await handle.write(bytes, written, bytes.length - written, position + written)
    written += one.bytesWritten
  }
}

/** @returns null: it is no file of a journal that we can read. */
export function readFileHead(bytes: Buffer): FileHead | null {
  if (bytes.length < fileHeadBytes || bytes.readUInt32LE(0) !== magic || bytes.readUInt16LE(4) !== version) return null
  return { flags: bytes.readUInt16LE(6), begunAt: bytes.readDoubleLE(8) }
}

function fileHead({ flags, begunAt }: FileHead): Buffer {
  const bytes = Buffer.alloc(fileHeadBytes)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt16LE(version, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeDoubleLE(begunAt, 8)
  return bytes
}
