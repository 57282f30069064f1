import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PositionVault } from '../contract/route-source.ts'

/** A PositionVault in a folder: a file a group, written aside, synced, then renamed, so that a crash leaves the old or the new one. */
export function fileVault(folder: string): PositionVault {
  const path = (group: string) => join(folder, `${createHash('sha256').update(group).digest('hex')}.json`)
  return {
    save: async (group, positions) => {
      await mkdir(folder, { recursive: true })
      const aside = `${path(group)}.new`
      const file = await open(aside, 'w')
      try {
        await file.writeFile(positions)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(aside, path(group))
    },
    load: (group) => readFile(path(group), 'utf8').catch(absent),
    remove: (group) => rm(path(group), { force: true }),
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
