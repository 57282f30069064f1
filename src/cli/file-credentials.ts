import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from './flags.ts'
import { watchFiles } from './watched-files.ts'
import type { CredentialTexts } from './workers/credentials.ts'

/** How often the folder is looked at, milliseconds. */
const intervalMs = 250

/**
 * Credentials in a folder, `<name>.json` each, followed while they change. `folder` undefined: there are none.
 * @throws UsageError when it is no folder.
 */
export function fileCredentials(folder: string | undefined): CredentialTexts & { close(): void } {
  if (folder === undefined) return { ...none, close: () => {} }
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`--credentials ${folder} is no folder`)
  const title = (name: string): string => join(folder, `${name}.json`)
  let close = (): void => {}
  return {
    title,
    read: (name) => {
      try {
        return { text: readFileSync(title(name), 'utf8') }
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        return { missing: code === 'ENOENT' ? `${title(name)} does not exist (yet)` : message }
      }
    },
    subscribe: (listener) => {
      close = watchFiles([folder], intervalMs, () => listener())
    },
    close: () => close(),
  }
}

const none: CredentialTexts = {
  title: (name) => `credential ${name}`,
  read: (name) => ({ missing: `no folder has a credential ${name}: name one with --credentials` }),
  subscribe: () => {},
}
