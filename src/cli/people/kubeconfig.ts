import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { isMap, type JsonObject } from '../../api/json.ts'
import { readYaml } from '../../api/yaml-text.ts'
import type { Access } from '../../kube/access.ts'
import { kubeconfigAccess } from '../../kube/kubeconfig.ts'
import { inherited } from '../flags.ts'

/**
 * How to reach the cluster of a kubeconfig. Most say it in certificates or a token: those are read here, since the library that knows all the rest
 * (credential plugins) takes most of a second to load, and does not know `tokenFile`.
 * @throws Fault as `kubeconfigAccess`.
 */
export async function clusterAccess(path?: string, context?: string): Promise<Access> {
  return (await plainAccess(path === undefined ? defaultPaths() : [path], context)) ?? kubeconfigAccess(path, context)
}

function defaultPaths(): readonly string[] {
  const named = (inherited()['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  return named.length === 0 ? [join(homedir(), '.kube', 'config')] : named
}

const plainClusterKeys = new Set([
  'server',
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'extensions',
])
const plainUserKeys = new Set([
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
])

/** Something of a kubeconfig, and the folder of that file: its paths are relative to it. */
interface Part {
  readonly value: JsonObject
  readonly folder: string
}

/** Null: it takes more than certificates and a token, or something is wrong, which the library says better. */
async function plainAccess(paths: readonly string[], wanted: string | undefined): Promise<Access | null> {
  try {
    const files = await Promise.all(paths.map(readConfig))
    const chosen = wanted ?? files.map(({ value }) => text(value['current-context'])).find((name) => name !== undefined)
    const context = named(files, 'context', chosen)?.value
    const cluster = named(files, 'cluster', context?.['cluster'])
    const user = named(files, 'user', context?.['user'])
    if (!isPlain(cluster, plainClusterKeys) || !isPlain(user, plainUserKeys)) return null
    return await accessOf(cluster, user, text(context?.['namespace']) ?? 'default')
  } catch {
    return null
  }
}

/** @throws Error when it is no kubeconfig. */
async function readConfig(path: string): Promise<Part> {
  const { objects, problems } = readYaml(await readFile(path, 'utf8'), path)
  const value = objects[0]?.value
  if (problems.length > 0 || objects.length !== 1 || !isMap(value)) throw new Error(`${path} is no kubeconfig`)
  return { value, folder: dirname(resolve(path)) }
}

/** `contexts: [{name, context}]`, and so the others; of several files the first that has it, as kubectl does it. */
function named(files: readonly Part[], kind: 'context' | 'cluster' | 'user', name: unknown): Part | undefined {
  for (const { value, folder } of files) {
    const all = value[`${kind}s`]
    const found: unknown = Array.isArray(all) ? all.find((each) => isMap(each) && each['name'] === name) : undefined
    const part = isMap(found) ? found[kind] : undefined
    if (isMap(part)) return { value: part, folder }
  }
  return undefined
}

function isPlain(part: Part | undefined, keys: ReadonlySet<string>): part is Part {
  return part !== undefined && Object.keys(part.value).every((key) => keys.has(key))
}

async function accessOf(of: Part, user: Part, namespace: string): Promise<Access | null> {
  const cluster = of.value
  const server = text(cluster['server'])
  if (server === undefined) return null
  const [ca, cert, key] = await Promise.all([
    pem(of, 'certificate-authority'),
    pem(user, 'client-certificate'),
    pem(user, 'client-key'),
  ])
  const token = tokenOf(user)
  await token?.()
  const serverName = text(cluster['tls-server-name'])
  return {
    server,
    namespace,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { skipTlsVerify: true } : {}),
    ...(serverName === undefined ? {} : { serverName }),
  }
}

/** What stands in the file itself goes before what a path leads to, which is relative to the kubeconfig. */
async function pem({ value, folder }: Part, name: string): Promise<string | undefined> {
  const data = text(value[`${name}-data`])
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  const path = text(value[name])
  return path === undefined ? undefined : readFile(resolve(folder, path), 'utf8')
}

/** As kubectl has it: the file goes before the token, and is read anew each time, since whoever wrote it may replace it. */
function tokenOf({ value, folder }: Part): Access['token'] {
  const [token, path] = [text(value['token']), text(value['tokenFile'])]
  if (path !== undefined) return async () => (await readFile(resolve(folder, path), 'utf8')).trim()
  return token === undefined ? undefined : () => token
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
