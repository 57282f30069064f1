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
 * (credential plugins, several files) takes most of a second to load.
 * @throws Fault as `kubeconfigAccess`.
 */
export async function clusterAccess(path?: string, context?: string): Promise<Access> {
  return (await plainAccess(path ?? defaultPath(), context)) ?? kubeconfigAccess(path, context)
}

/** Undefined: several files. */
function defaultPath(): string | undefined {
  const named = inherited()['KUBECONFIG'] ?? ''
  if (named === '') return join(homedir(), '.kube', 'config')
  return named.includes(delimiter) ? undefined : named
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

/** Null: it takes more than certificates and a token, or something is wrong, which the library says better. */
async function plainAccess(path: string | undefined, wanted: string | undefined): Promise<Access | null> {
  try {
    if (path === undefined) return null
    const { objects, problems } = readYaml(await readFile(path, 'utf8'), path)
    const config = objects[0]?.value
    if (problems.length > 0 || objects.length !== 1 || !isMap(config)) return null
    const context = named(config, 'context', wanted ?? config['current-context'])
    const cluster = named(config, 'cluster', context?.['cluster'])
    const user = named(config, 'user', context?.['user'])
    if (!isPlain(cluster, plainClusterKeys) || !isPlain(user, plainUserKeys)) return null
    return await accessOf(
      { cluster, user, namespace: text(context?.['namespace']) ?? 'default' },
      dirname(resolve(path)),
    )
  } catch {
    return null
  }
}

/** `contexts: [{name, context}]`, and so the others. */
function named(config: JsonObject, kind: 'context' | 'cluster' | 'user', name: unknown): JsonObject | undefined {
  const all = config[`${kind}s`]
  const found: unknown = Array.isArray(all) ? all.find((each) => isMap(each) && each['name'] === name) : undefined
  const value = isMap(found) ? found[kind] : undefined
  return isMap(value) ? value : undefined
}

function isPlain(value: JsonObject | undefined, keys: ReadonlySet<string>): value is JsonObject {
  return value !== undefined && Object.keys(value).every((key) => keys.has(key))
}

interface Parts {
  readonly cluster: JsonObject
  readonly user: JsonObject
  readonly namespace: string
}

async function accessOf({ cluster, user, namespace }: Parts, folder: string): Promise<Access | null> {
  const server = text(cluster['server'])
  if (server === undefined) return null
  const [ca, cert, key] = await Promise.all([
    pem(cluster, 'certificate-authority', folder),
    pem(user, 'client-certificate', folder),
    pem(user, 'client-key', folder),
  ])
  const token = tokenOf(user, folder)
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
async function pem(from: JsonObject, name: string, folder: string): Promise<string | undefined> {
  const data = text(from[`${name}-data`])
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  const path = text(from[name])
  return path === undefined ? undefined : readFile(resolve(folder, path), 'utf8')
}

/** As kubectl has it: the file goes before the token, and is read anew each time, since whoever wrote it may replace it. */
function tokenOf(user: JsonObject, folder: string): Access['token'] {
  const [token, path] = [text(user['token']), text(user['tokenFile'])]
  if (path !== undefined) return async () => (await readFile(resolve(folder, path), 'utf8')).trim()
  return token === undefined ? undefined : () => token
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
