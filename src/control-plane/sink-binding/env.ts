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

/**
 * The list as the user meant it: without ours, and with what stood back for them. Of a variable that someone wrote anew that is the user's value
 * from now on; one that was taken out altogether stays out.
 */
export function undoneEnv(
  live: readonly EnvEntry[],
  ours: Variables,
  displaced: readonly Displaced[],
): readonly EnvEntry[] {
  const kept = live.filter((entry) => !isOurs(entry, ours))
  const rewritten = new Set(kept.map(({ name }) => name))
  const present = new Set(live.map(({ name }) => name))
  const due = displaced
    .filter(({ entry: { name } }) => present.has(name) && !rewritten.has(name))
    .toSorted((a, b) => a.index - b.index)
  return due.reduce((list, { index, entry }) => list.toSpliced(index, 0, entry), kept)
}

/** The list with ours: each in the place of the first of that name, else at the end. */
export function injectedEnv(
  bare: readonly EnvEntry[],
  ours: Variables,
): { readonly env: readonly EnvEntry[]; readonly displaced: readonly Displaced[] } {
  const displaced = bare.flatMap((entry, index) => (Object.hasOwn(ours, entry.name) ? [{ index, entry }] : []))
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

function isOurs(entry: EnvEntry, ours: Variables): boolean {
  return Object.hasOwn(ours, entry.name) && sameEntry(entry, entryOf(entry.name, ours))
}

/** The API server stores an empty value as none. */
function entryOf(name: string, ours: Variables): EnvEntry {
  const value = ours[name] ?? ''
  return value === '' ? { name } : { name, value }
}

function sameEntry({ value: a = '', ...left }: EnvEntry, { value: b = '', ...right }: EnvEntry): boolean {
  return a === b && isDeepStrictEqual(left, right)
}
