import { isDeepStrictEqual } from 'node:util'

type Node = Record<string, unknown> | unknown[]

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** JSON Merge Patch (RFC 7386): null removes, lists are replaced. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const merged: Record<string, unknown> = isMap(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatched(merged[name], value)
  }
  return merged
}

interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

/** JSON Patch (RFC 6902), as the API server understands it. @throws Error when an operation cannot be done, a test that fails included: then nothing counts. */
export function jsonPatched(target: unknown, operations: readonly object[]): unknown {
  const root = { '': structuredClone(target) }
  for (const operation of operations as readonly Operation[]) apply(root, operation)
  return root['']
}

function apply(root: Node, { op, path, from = '', value }: Operation): void {
  switch (op) {
    case 'add':
      return add(root, path, structuredClone(value))
    case 'remove':
      return void remove(root, path)
    case 'replace':
      return replace(root, path, structuredClone(value))
    case 'move':
      return add(root, path, remove(root, from))
    case 'copy':
      return add(root, path, structuredClone(read(root, from)))
    case 'test':
      if (isDeepStrictEqual(read(root, path), value)) return
      throw new Error(`test of ${path} failed`)
    default:
      throw new Error(`unknown operation ${op}`)
  }
}

function add(root: Node, path: string, value: unknown): void {
  const { parent, token } = place(root, path)
  if (!Array.isArray(parent)) parent[token] = value
  else if (token === '-') parent.push(value)
  else if (Number(token) <= parent.length) parent.splice(Number(token), 0, value)
  else throw new Error(`${path} is outside of the list`)
}

/** A field that is missing is added, as the API server does against the RFC. */
function replace(root: Node, path: string, value: unknown): void {
  const { parent, token } = place(root, path)
  if (!Array.isArray(parent)) parent[token] = value
  else if (Number(token) < parent.length) parent[Number(token)] = value
  else throw new Error(`${path} does not exist`)
}

function remove(root: Node, path: string): unknown {
  const value = read(root, path)
  const { parent, token } = place(root, path)
  if (Array.isArray(parent)) parent.splice(Number(token), 1)
  else delete parent[token]
  return value
}

function read(root: Node, path: string): unknown {
  const { parent, token } = place(root, path)
  if (!Object.hasOwn(parent, token)) throw new Error(`${path} does not exist`)
  return (parent as Record<string, unknown>)[token]
}

/** The node that has what `path` (RFC 6901) names, and its name there. */
function place(root: Node, path: string): { parent: Node; token: string } {
  const tokens = path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  const token = tokens.pop() ?? ''
  let parent: unknown = root
  for (const step of tokens) parent = (parent as Record<string, unknown> | undefined)?.[step]
  if (typeof parent !== 'object' || parent === null) throw new Error(`what is above ${path} does not exist`)
  return { parent: parent as Node, token }
}
