/**
 * Fields of an object by path, as managedFields names them: `f:spec`, `k:{"name":"app"}` for an item of a keyed list, `v:"a.b/c"` for an
 * item of a set. A path is its steps joined by a character that no field name has.
 */
type Step = string
export type FieldPath = string

const separator = '\0'
export const stepsOf = (path: FieldPath): Step[] => path.split(separator)
export const pathOf = (steps: readonly Step[]): FieldPath => steps.join(separator)

export const isBelow = (path: FieldPath, above: FieldPath): boolean => path.startsWith(above + separator)

/** The leaves: scalars, lists that are one value, empty maps; and the items of keyed lists. */
export function leavesOf(value: unknown, keyedLists: boolean, at: readonly Step[] = []): Map<FieldPath, unknown> {
  const leaves = new Map<FieldPath, unknown>()
  const parts = partsOf(value, at, keyedLists)
  if (parts === undefined || parts.length === 0) return at.length === 0 ? leaves : leaves.set(pathOf(at), value)
  for (const [step, part] of parts) {
    const below = [...at, step]
    if (step.startsWith('k:')) leaves.set(pathOf(below), true)
    if (step.startsWith('v:')) leaves.set(pathOf(below), part)
    else for (const [path, leaf] of leavesOf(part, keyedLists, below)) leaves.set(path, leaf)
  }
  return leaves
}

/** What `config` says, laid over `value`. */
export function overlaid(value: unknown, config: unknown, keyedLists: boolean, at: readonly Step[] = []): unknown {
  const wanted = partsOf(config, at, keyedLists)
  if (wanted === undefined) return config
  const parts = new Map(partsOf(value, at, keyedLists) ?? [])
  for (const [step, part] of wanted) parts.set(step, overlaid(parts.get(step), part, keyedLists, [...at, step]))
  return assembled(parts, Array.isArray(config))
}

/** `value` without the field at `path`, and without the maps and lists that this leaves empty. Undefined: nothing is left. */
export function without(value: unknown, path: readonly Step[], keyedLists: boolean, at: readonly Step[] = []): unknown {
  const [step, ...below] = path
  const parts = new Map(partsOf(value, at, keyedLists) ?? [])
  if (step === undefined || !parts.has(step)) return value
  const rest = below.length === 0 ? undefined : without(parts.get(step), below, keyedLists, [...at, step])
  if (rest === undefined) parts.delete(step)
  else parts.set(step, rest)
  return parts.size === 0 ? undefined : assembled(parts, Array.isArray(value))
}

type FieldTree = { [step: Step]: FieldTree }

/** `fieldsV1`. */
export function fieldTree(paths: Iterable<FieldPath>): FieldTree {
  const tree: FieldTree = {}
  const sorted = [...paths].toSorted()
  for (const path of sorted) {
    let node = tree
    for (const step of stepsOf(path)) node = node[step] ??= {}
  }
  // An item that is owned itself, not only fields of it, is marked so.
  for (const path of sorted) {
    const node = stepsOf(path).reduce<FieldTree | undefined>((node, step) => node?.[step], tree)
    if (node && Object.keys(node).length > 0) node['.'] = {}
  }
  return tree
}

export function pathsOf(tree: FieldTree, at: readonly Step[] = []): FieldPath[] {
  const steps = Object.entries(tree)
  if (steps.length === 0) return at.length === 0 ? [] : [pathOf(at)]
  return steps.flatMap(([step, below]) => (step === '.' ? [pathOf(at)] : pathsOf(below, [...at, step])))
}

/** Undefined: `value` is one value, not a map or list with parts of its own. */
function partsOf(value: unknown, at: readonly Step[], keyedLists: boolean): [Step, unknown][] | undefined {
  if (Array.isArray(value)) return itemsOf(value, at, keyedLists)
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).map(([name, part]) => [`f:${name}`, part])
}

/** Lists of built-in kinds whose items are told apart by a key. */
const listKeys: Readonly<Record<string, readonly string[]>> = {
  'f:conditions': ['type'],
  'f:containers': ['name'],
  'f:env': ['name'],
  'f:imagePullSecrets': ['name'],
  'f:initContainers': ['name'],
  'f:ports': ['containerPort', 'port'],
  'f:topologySpreadConstraints': ['topologyKey'],
  'f:volumeMounts': ['mountPath'],
  'f:volumes': ['name'],
  'f:webhooks': ['name'],
}

function itemsOf(list: readonly unknown[], at: readonly Step[], keyedLists: boolean): [Step, unknown][] | undefined {
  const name = at.at(-1) ?? ''
  const inMetadata = at.length === 2 && at[0] === 'f:metadata'
  if (inMetadata && name === 'f:finalizers') return list.map((item) => [`v:${JSON.stringify(item)}`, item])
  const keys = inMetadata && name === 'f:ownerReferences' ? ['uid'] : keyedLists ? (listKeys[name] ?? []) : []
  const key = keys.find((key) => list.every((item) => typeof item === 'object' && item !== null && key in item))
  if (key === undefined || list.length === 0) return undefined
  return list.map((item) => [`k:${JSON.stringify({ [key]: (item as Record<string, unknown>)[key] })}`, item])
}

function assembled(parts: ReadonlyMap<Step, unknown>, list: boolean): unknown {
  if (list) return [...parts.values()]
  return Object.fromEntries([...parts].map(([step, part]) => [step.slice(2), part]))
}
