import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A file as it is now. */
export interface WatchedFile {
  readonly file: string
  readonly text: string
}

const manifestName = /\.(ya?ml|json)$/

/**
 * Reads files, and the YAML and JSON files of folders (not of their sub-folders, as `kubectl apply -f` does).
 * @throws the system's error (ENOENT, EACCES) when a path cannot be read.
 */
export function readFiles(paths: readonly string[]): readonly WatchedFile[] {
  return listFiles(paths).map((file) => ({ file, text: readFileSync(file, 'utf8') }))
}

function listFiles(paths: readonly string[]): readonly string[] {
  const files = paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path)
      .filter((name) => manifestName.test(name))
      .sort()
      .map((name) => join(path, name))
  })
  return [...new Set(files)]
}

/** What tells one version of the files from the next, without reading them. */
export function fingerprint(paths: readonly string[]): string {
  try {
    return listFiles(paths)
      .map((file) => {
        const { mtimeMs, size, ino } = statSync(file)
        return `${file}:${mtimeMs}:${size}:${ino}`
      })
      .join('\n')
  } catch (error) {
    return `unreadable: ${String(error)}`
  }
}

/**
 * Calls `changed` after the files changed and have been at rest for one interval, so that a half-written file is not read. Looks instead
 * of listening: file notifications get lost on network mounts and in virtual machines. Returns the way to stop.
 * @param applied the files as they were when they were read: what changed since then counts
 */
export function watchFiles(
  paths: readonly string[],
  intervalMs: number,
  changed: () => void,
  applied = fingerprint(paths),
): () => void {
  let last = applied
  const timer = setInterval(() => {
    const now = fingerprint(paths)
    if (now === last && now !== applied) {
      applied = now
      changed()
    }
    last = now
  }, intervalMs)
  return () => clearInterval(timer)
}
