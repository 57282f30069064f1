import { Agent, request } from 'node:https'
import { json } from 'node:stream/consumers'
import type { ApiAccess } from './api-server.ts'

/** JSON that is looked at with expect(), not with types. */
export type Json = ReturnType<typeof JSON.parse>

/** What an API server answered. */
export interface ApiAnswer {
  readonly status: number
  /** The object, or a `Status` that says why not. */
  readonly body: Json
}

/** Who asks. Absent: the administrator. */
export interface Impersonated {
  readonly user: string
  readonly groups?: readonly string[]
}

const agents = new WeakMap<ApiAccess, Agent>()

/** The account of a pod. */
export function serviceAccount(namespace: string, name: string): Impersonated {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
  return { user: `system:serviceaccount:${namespace}:${name}`, groups }
}

/** One request to a real API server, as whoever `as` names or whose `token` it is. Patches: `type` is `merge`, `json` or `apply`. */
export async function apiRequest(
  access: ApiAccess,
  method: string,
  path: string,
  options: {
    readonly body?: unknown
    readonly as?: Impersonated
    readonly token?: string
    readonly type?: 'merge' | 'json' | 'apply'
  } = {},
): Promise<ApiAnswer> {
  const { ca, cert, key } = access
  // A client certificate goes before a token.
  const agent =
    options.token === undefined
      ? (agents.get(access) ?? new Agent({ keepAlive: true, maxSockets: 8, ca, cert, key }))
      : new Agent({ ca })
  if (options.token === undefined) agents.set(access, agent)
  const headers = {
    accept: 'application/json',
    'content-type': contentTypes[options.type ?? 'none'],
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(options.as === undefined ? {} : { 'impersonate-user': options.as.user }),
    ...(options.as?.groups === undefined ? {} : { 'impersonate-group': [...options.as.groups] }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, access.url), { method, agent, headers }, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    sent.once('error', reject)
    sent.end(options.body === undefined ? undefined : JSON.stringify(options.body))
  })
}

const contentTypes = {
  none: 'application/json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const
