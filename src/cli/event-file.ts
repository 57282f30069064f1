import { readFileSync } from 'node:fs'
import { UsageError } from './flags.ts'

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * What `--event` names: a file, or standard input for `-`. The mark that editors of Windows put in front of UTF-8 is no part of it.
 * @throws UsageError for a folder; the system's error when it cannot be read.
 */
export function readEventFile(path: string): Buffer {
  const content = readFile(path)
  return content.subarray(0, 3).equals(byteOrderMark) ? content.subarray(3) : content
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
    throw new UsageError(`--event: ${path} is a folder: name a file`)
  }
}
