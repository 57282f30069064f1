import { isRecord } from './equal.ts'
import { sameQuantity } from './quantity.ts'

/**
 * Lists that Kubernetes merges by a key (`x-kubernetes-list-map-keys` of the built-in kinds), by the name of their field: items of others
 * may stand beside ours. Fields absent from an item do not tell it apart (a port without protocol).
 */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  ports: ['name', 'containerPort', 'port', 'protocol'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  ownerReferences: ['uid'],
  webhooks: ['name'],
  matchConditions: ['name'],
}

/** Lists that are sets. */
const sets: ReadonlySet<string> = new Set(['finalizers'])

/** Maps of quantities, and fields that are one. */
const quantities: ReadonlySet<string> = new Set(['limits', 'requests', 'hard', 'overhead', 'sizeLimit', 'divisor'])

/**
 * Whether `live` says all that `desired` says: fields and list items that others or the API server added do not matter, nor do other ways to
 * write a quantity, nor a zero or something empty that the API server left out.
 */
export function contains(live: unknown, desired: unknown, field = '', parent = ''): boolean {
  if (desired === undefined || desired === null || desired === live) return true
  if (live === undefined && (desired === '' || desired === 0 || desired === false)) return true
  if (Array.isArray(desired)) return containsList(Array.isArray(live) ? live : [], desired, field)
  if (isRecord(desired)) {
    const known = isRecord(live) ? live : {}
    return Object.entries(desired).every(([name, value]) => contains(known[name], value, name, field))
  }
  return (quantities.has(parent) || quantities.has(field)) && sameQuantity(live, desired)
}

function containsList(live: readonly unknown[], desired: readonly unknown[], field: string): boolean {
  if (sets.has(field)) return desired.every((item) => live.includes(item))
  const keys = mergeKeys[field]
  if (keys === undefined) {
    return live.length === desired.length && desired.every((item, i) => contains(live[i], item))
  }
  return desired.every((item) => live.some((other) => sameKey(other, item, keys) && contains(other, item)))
}

function sameKey(live: unknown, desired: unknown, keys: readonly string[]): boolean {
  if (!isRecord(live) || !isRecord(desired)) return false
  return keys.every((key) => desired[key] === undefined || desired[key] === live[key])
}
