import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'

/** A variable of a container, as Kubernetes writes it. */
export interface EnvEntry {
  readonly name: string
  readonly value?: string
  readonly [field: string]: unknown
}

/** An entry of the user that stands back, and where in the user's list it stood. */
export interface Displaced {
  readonly index: number
  readonly entry: EnvEntry
}

/** Names and values, in the order in which they are appended. */
export type Variables = Readonly<Record<string, string>>

/** What was put into a workload. */
export interface Had {
  /** By name. Several may say the same variable: one that goes while another has come in. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>
  /** By name: {@link fingerprint}s of the values of former days. A rollback of the template alone brings them back. */
  readonly former: ReadonlyMap<string, ReadonlySet<string>>
}

/** Stands for a value: those of certificates are long. */
export function fingerprint(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 12)
}

/**
 * The list as the user meant it: without ours, and with what stood back for them. Of a variable that someone wrote anew that is the user's value
 * from now on; one that was taken out altogether stays out.
 */
export function undoneEnv(live: readonly EnvEntry[], had: Had, displaced: readonly Displaced[]): readonly EnvEntry[] {
  const touched = ({ name }: EnvEntry): boolean => had.values.has(name) || had.former.has(name)
  const kept = live.map((entry) => (touched(entry) ? unpaired(entry) : entry)).filter((entry) => !isOurs(entry, had))
  const rewritten = new Set(kept.map(({ name }) => name))
  const present = new Set(live.map(({ name }) => name))
  const due = displaced
    .filter(({ entry: { name } }) => present.has(name) && !rewritten.has(name))
    .toSorted((a, b) => a.index - b.index)
  return due.reduce((list, { index, entry }) => list.toSpliced(index, 0, unpaired(entry)), kept)
}

/** The list with ours: each in the place of the first of that name, else at the end. */
export function injectedEnv(
  bare: readonly EnvEntry[],
  ours: Variables,
): { readonly env: readonly EnvEntry[]; readonly displaced: readonly Displaced[] } {
  const displaced = bare.flatMap((entry, index) =>
    Object.hasOwn(ours, entry.name) ? [{ index, entry: unpaired(entry) }] : [],
  )
  const first = new Map(displaced.toReversed().map(({ index, entry }) => [entry.name, index]))
  const replaced = bare.flatMap((entry, index) => {
    if (!Object.hasOwn(ours, entry.name)) return [entry]
    return first.get(entry.name) === index ? [entryOf(entry.name, ours)] : []
  })
  const missing = Object.keys(ours).filter((name) => !first.has(name))
  return { env: [...replaced, ...missing.map((name) => entryOf(name, ours))], displaced }
}

/** Whether two lists say the same, in whatever order: no pod is replaced for an order. */
export function sameEnv(a: readonly EnvEntry[], b: readonly EnvEntry[]): boolean {
  if (a.length !== b.length) return false
  const left = [...b]
  return a.every((entry) => {
    const found = left.findIndex((other) => sameEntry(entry, other))
    return found >= 0 && left.splice(found, 1).length === 1
  })
}

function isOurs(entry: EnvEntry, { values, former }: Had): boolean {
  const { name, value = '' } = entry
  if (!sameEntry(entry, { name, value })) return false
  return values.get(name)?.has(value) === true || former.get(name)?.has(fingerprint(value)) === true
}

/**
 * Whoever applies a `valueFrom` as a patch puts it beside the value that is ours, in one entry: a pair that no API server takes. The user meant what
 * the user wrote.
 */
function unpaired(entry: EnvEntry): EnvEntry {
  if (entry['valueFrom'] == null || entry.value === undefined) return entry
  const { value: _, ...rest } = entry
  return rest
}

/** The API server stores an empty value as none. */
function entryOf(name: string, ours: Variables): EnvEntry {
  const value = ours[name] ?? ''
  return value === '' ? { name } : { name, value }
}

function sameEntry({ value: a = '', ...left }: EnvEntry, { value: b = '', ...right }: EnvEntry): boolean {
  return a === b && isDeepStrictEqual(left, right)
}
