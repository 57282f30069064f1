import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from '../client.ts'
import { fieldTree, isBelow, leavesOf, overlaid, pathsOf, stepsOf, without, type FieldPath } from './fields.ts'

/** Who writes: an entry of managedFields. */
export interface Manager {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly subresource?: string
}

interface ManagedFields extends Manager {
  readonly apiVersion: string
  readonly time: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: Parameters<typeof pathsOf>[0]
}

interface Share {
  readonly manager: Manager
  /** As it stands in managedFields; undefined: written now. */
  readonly entry: ManagedFields | undefined
  readonly paths: ReadonlySet<FieldPath>
}

export interface OwnershipRules {
  readonly keyedLists: boolean
  /** RFC 3339. */
  readonly now: string
}

/** Metadata that the server alone writes, or that names the object: nobody owns it. */
const unowned = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'generateName',
])

/** `after`, with managedFields that say who wrote what differs from `before`. */
export function withUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  by: Manager,
  rules: OwnershipRules,
): KubeObject {
  const was = ownable(before, rules)
  const is = ownable(after, rules)
  const changed = [...is].filter(([path, value]) => !was.has(path) || !isDeepStrictEqual(was.get(path), value))
  return withShares(after, taken(sharesOf(before), by, new Set(changed.map(([path]) => path)), is, true), rules)
}

/**
 * Server-side apply, by force:
 *
 *     live ─► + what config says ─► - what this manager applied before, says no more, and nobody else owns ─► after
 */
export function applied(
  live: KubeObject | undefined,
  config: KubeObject,
  by: Manager,
  rules: OwnershipRules,
): KubeObject {
  const wanted = new Set(ownable(config, rules).keys())
  const shares = sharesOf(live)
  const mine = shares.find((share) => isSame(share.manager, by))
  const others = shares.filter((share) => share !== mine)
  let after = overlaid(live ?? {}, config, rules.keyedLists) as KubeObject
  const there = ownable(after, rules)
  // Sorted: an item goes before the fields of it, among them the key by which it is found.
  for (const path of [...(mine?.paths ?? [])].toSorted()) {
    // What was a leaf may have parts now: they have owners of their own.
    if (wanted.has(path) || !there.has(path) || others.some(({ paths }) => ownsIn(paths, path))) continue
    after = without(after, stepsOf(path), rules.keyedLists) as KubeObject
  }
  const was = ownable(live, rules)
  const is = ownable(after, rules)
  const seized = new Set([...wanted].filter((path) => !isDeepStrictEqual(was.get(path), is.get(path))))
  const same = mine !== undefined && isDeepStrictEqual(mine.paths, wanted)
  const own = same ? mine : { manager: by, entry: undefined, paths: wanted }
  const before = shares.includes(own) ? shares : [...others, own]
  return withShares(after, taken(before, by, seized, is, false), rules)
}

/** The shares after `by` took `paths` from all others, as far as the fields still exist. @param adds whether it keeps what it had */
function taken(
  shares: readonly Share[],
  by: Manager,
  paths: ReadonlySet<FieldPath>,
  is: ReadonlyMap<FieldPath, unknown>,
  adds: boolean,
): readonly Share[] {
  const rest = shares.map((share) => {
    const own = isSame(share.manager, by)
    const left = new Set([...share.paths].filter((path) => is.has(path) && (own || !paths.has(path))))
    return left.size === share.paths.size ? share : { ...share, entry: undefined, paths: left }
  })
  if (!adds || paths.size === 0) return rest
  const mine = rest.find((share) => isSame(share.manager, by))
  const all = new Set([...(mine?.paths ?? []), ...paths])
  return [...rest.filter((share) => share !== mine), { manager: by, entry: undefined, paths: all }]
}

function ownable(object: KubeObject | undefined, { keyedLists }: OwnershipRules): Map<FieldPath, unknown> {
  if (object === undefined) return new Map()
  const { apiVersion: _, kind: __, metadata, ...rest } = object
  const written = Object.fromEntries(Object.entries(metadata).filter(([name]) => !unowned.has(name)))
  return leavesOf({ ...(Object.keys(written).length === 0 ? {} : { metadata: written }), ...rest }, keyedLists)
}

function sharesOf(object: KubeObject | undefined): readonly Share[] {
  return ((object?.metadata.managedFields ?? []) as readonly ManagedFields[]).map((entry) => {
    const { manager, operation, subresource, fieldsV1 } = entry
    const who: Manager = { manager, operation, ...(subresource === undefined ? {} : { subresource }) }
    return { manager: who, entry, paths: new Set(pathsOf(fieldsV1)) }
  })
}

function withShares(object: KubeObject, shares: readonly Share[], { now }: OwnershipRules): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  const entries = shares
    .filter(({ paths }) => paths.size > 0)
    .map(({ manager, entry, paths }) => entry ?? entryOf(object, manager, paths, now))
  return { ...object, metadata: { ...metadata, ...(entries.length === 0 ? {} : { managedFields: entries }) } }
}

function entryOf({ apiVersion }: KubeObject, by: Manager, paths: Iterable<FieldPath>, time: string): ManagedFields {
  return { ...by, apiVersion, time, fieldsType: 'FieldsV1', fieldsV1: fieldTree(paths) }
}

function ownsIn(paths: ReadonlySet<FieldPath>, path: FieldPath): boolean {
  return paths.has(path) || [...paths].some((other) => isBelow(other, path))
}

function isSame(a: Manager, b: Manager): boolean {
  return a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource
}
