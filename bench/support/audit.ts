import { open, stat } from 'node:fs/promises'

/** One request that an API server answered (audit.k8s.io/v1 Event), as far as we read it. */
interface Audited {
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string }
  readonly objectRef?: { readonly resource: string; readonly subresource?: string }
  readonly responseStatus?: { readonly code: number }
}

/** `create triggers` → how many of them were asked for, refused ones included. */
export type Writes = ReadonlyMap<string, number>

const writing = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])
/** Questions that are asked by creating something that is not stored. */
const questions = /reviews$|^serviceaccounts\/token$/

/** Follows what is written to an API server, by its audit log (one line of JSON a request). */
export class AuditLog {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** Where it ends now. */
  async end(): Promise<number> {
    return (await stat(this.#file)).size
  }

  /** What was written from one place to another, by verb and resource; with `who`, by account too. */
  async writes(from: number, to: number, who = false): Promise<Writes> {
    const counts = new Map<string, number>()
    if (to <= from) return counts
    await using file = await open(this.#file)
    for await (const line of file.readLines({ start: from, end: to - 1 })) {
      const { verb, objectRef, user } = JSON.parse(line) as Audited
      if (!writing.has(verb) || objectRef === undefined) continue
      const { resource, subresource } = objectRef
      const what = subresource === undefined ? resource : `${resource}/${subresource}`
      if (questions.test(what)) continue
      const key = who ? `${user.username} ${verb} ${what}` : `${verb} ${what}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }
}

export function total(writes: Writes): number {
  return writes.values().reduce((sum, count) => sum + count, 0)
}

/** `create triggers 1000 · patch outlets 1000`, the most frequent first. */
export function told(writes: Writes): string {
  const sorted = [...writes].sort(([, a], [, b]) => b - a)
  return sorted.map(([what, count]) => `${what} ${count}`).join(' · ')
}
