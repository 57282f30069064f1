import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isMap, type JsonObject } from '../../api/json.ts'
import { Fault } from '../../core/fault.ts'
import { inClusterAccess, type Access, type Certificates } from '../../kube/access.ts'
import { pluginCredentials, type Credentials } from '../../kube/kubeconfig.ts'
import { chooseContext, text, unusable, type ChosenContext, type Part } from './chosen-context.ts'

/**
 * How to reach the cluster of a kubeconfig: the current context unless `context` names another. Without `path` it is found as kubectl finds it;
 * where there is none, the service account of the pod. What stands in files beside it (certificates, tokenFile) is read again when it is
 * wanted anew, since whoever wrote them may replace them.
 * @throws Fault ApiRefused when it says nothing that we can use, with what is wrong in it.
 */
export async function clusterAccess(path?: string, context?: string): Promise<Access> {
  const chosen = await chooseContext(path, context)
  if (chosen !== null) return accessOf(chosen)
  return inClusterAccess().catch((cause: unknown) => {
    throw new Fault('ApiRefused', noKubeconfig, { cause })
  })
}

const noKubeconfig =
  'nothing says how to reach a cluster: there is no file that $KUBECONFIG names, nor ~/.kube/config; name one with --kubeconfig'

async function accessOf({ source, cluster, user, namespace }: ChosenContext): Promise<Access> {
  const server = text(cluster.value['server'])
  if (server === undefined) throw unusable(source, 'its cluster has no server')
  if (text(cluster.value['proxy-url']) !== undefined)
    throw unusable(source, 'proxy-url is not supported: reach the API server without a proxy')
  const refused = notSupported.find(([key]) => says(user, key))
  if (refused !== undefined) throw unusable(source, refused[1])
  try {
    const [trust, { certificates: pair, ...credentials }] = await Promise.all([trustOf(cluster), credentialsOf(user)])
    const certificates = async () => ({ ...(await trustOf(cluster)), ...(await pair?.()) })
    const mayChange = pair !== undefined || isFile(cluster, 'certificate-authority')
    const serverName = text(cluster.value['tls-server-name'])
    return {
      ...{ server, namespace, ...trust, ...credentials },
      ...(mayChange ? { certificates } : {}),
      ...(cluster.value['insecure-skip-tls-verify'] === true ? { skipTlsVerify: true } : {}),
      ...(serverName === undefined ? {} : { serverName }),
    }
  } catch (cause) {
    const why = (cause as Error).message.trim() || 'the credential plugin failed, and did not say why'
    throw unusable(source, `no credentials: ${why}`, cause)
  }
}

const password = 'user name and password are not supported: use a token or a client certificate'
const impersonation = 'to act as another user (as) is not supported: use the credentials of that user'
const notSupported = [
  ['username', password],
  ['password', password],
  ['as', impersonation],
  ['as-uid', impersonation],
  ['as-groups', impersonation],
] as const

async function trustOf(cluster: Part): Promise<Certificates> {
  const ca = await pem(cluster, 'certificate-authority')
  return ca === undefined ? {} : { ca }
}

async function credentialsOf(user: Part): Promise<Credentials> {
  if (says(user, 'exec') || says(user, 'auth-provider')) return pluginCredentials(withAbsolutePaths(user))
  const token = tokenOf(user)
  await token?.()
  const certificates = (): Promise<Certificates> => pairOf(user)
  const mayChange = isFile(user, 'client-certificate') || isFile(user, 'client-key')
  return {
    ...(await certificates()),
    ...(mayChange ? { certificates } : {}),
    ...(token === undefined ? {} : { token }),
  }
}

async function pairOf(user: Part): Promise<Certificates> {
  const [cert, key] = await Promise.all([pem(user, 'client-certificate'), pem(user, 'client-key')])
  return { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
}

/** What stands in the file itself goes before what a path leads to, which is relative to the kubeconfig. */
async function pem({ value, folder }: Part, name: string): Promise<string | undefined> {
  const data = text(value[`${name}-data`])
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  const path = text(value[name])
  return path === undefined ? undefined : readFile(resolve(folder, path), 'utf8')
}

function isFile({ value }: Part, name: string): boolean {
  return text(value[`${name}-data`]) === undefined && text(value[name]) !== undefined
}

/** As kubectl has it: the file goes before the token, and is read anew each time. */
function tokenOf({ value, folder }: Part): Access['token'] {
  const [token, path] = [text(value['token']), text(value['tokenFile'])]
  if (path !== undefined) return async () => (await readFile(resolve(folder, path), 'utf8')).trim()
  return token === undefined ? undefined : () => token
}

/** What is empty is not there, to kubectl. */
function says({ value }: Part, name: string): boolean {
  const said = value[name]
  return Array.isArray(said) ? said.length > 0 : said !== undefined && said !== null && said !== ''
}

/** A command that is no path is looked for in $PATH. */
function withAbsolutePaths({ value, folder }: Part): Part['value'] {
  const absolute = (of: JsonObject, names: readonly string[]): JsonObject => {
    const paths = names.flatMap((name) => {
      const path = text(of[name])
      return path === undefined ? [] : [[name, resolve(folder, path)] as const]
    })
    return { ...of, ...Object.fromEntries(paths) }
  }
  const user = absolute(value, ['client-certificate', 'client-key'])
  const { exec } = user
  return isMap(exec) && text(exec['command'])?.includes('/') ? { ...user, exec: absolute(exec, ['command']) } : user
}
