import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { KubeObject } from './kube.ts'

/** One answered request, of what the API server writes down (audit.k8s.io/v1 Event). */
const Entry = z.object({
  verb: z.string(),
  requestURI: z.string(),
  user: z.object({ username: z.string() }),
  objectRef: z
    .object({
      apiGroup: z.string().default(''),
      resource: z.string().default(''),
      subresource: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.object({ code: z.number().optional() }).optional(),
  requestReceivedTimestamp: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
})
type Entry = z.infer<typeof Entry>

/** What accounts of a namespace asked the API server for. */
export interface Asked {
  readonly account: string
  readonly verb: string
  /** As RBAC writes it: `brokers`, `brokers/status`. */
  readonly resource: string
  readonly group: string
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly allowed: boolean
  readonly at: number
  readonly uri: string
}

/** All that the service accounts of a namespace asked for, in the order of the answers. */
export async function asked(auditLog: string, namespace: string): Promise<Asked[]> {
  const prefix = `system:serviceaccount:${namespace}:`
  const found: Asked[] = []
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes(`"username":"${prefix}`)) continue
    const entry = Entry.parse(JSON.parse(line))
    const verbs = madeByPatch(entry) ? [entry.verb, 'create'] : [entry.verb]
    found.push(...verbs.map((verb) => requestOf(entry, verb, entry.user.username.slice(prefix.length))))
  }
  return found
}

/** Server-side apply of what is not there is a patch that needs the right to create as well. */
function madeByPatch({ verb, responseStatus }: Entry): boolean {
  return verb === 'patch' && responseStatus?.code === 201
}

function requestOf(entry: Entry, verb: string, account: string): Asked {
  const { apiGroup = '', resource = '', subresource, namespace, name } = entry.objectRef ?? {}
  return {
    account,
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    group: apiGroup,
    namespace,
    name,
    allowed: entry.annotations['authorization.k8s.io/decision'] !== 'forbid',
    at: Date.parse(entry.requestReceivedTimestamp),
    uri: entry.requestURI,
  }
}

/** One verb on one resource that a role gives to an account. */
export interface Grant {
  readonly account: string
  readonly verb: string
  readonly resource: string
  readonly group: string
  /** Absent: in all namespaces. */
  readonly namespace: string | undefined
  /** Absent: any name. */
  readonly names: readonly string[] | undefined
}

const Rule = z.object({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resourceNames: z.array(z.string()).optional(),
})
const Binding = z.object({
  roleRef: z.object({ kind: z.string(), name: z.string() }),
  subjects: z.array(z.object({ kind: z.string(), name: z.string() })),
})

/** What manifests grant to service accounts; roles that others fill in (aggregated ones) are left out. */
export function grants(objects: readonly KubeObject[]): Grant[] {
  const bindings = objects.filter(({ kind }) => kind === 'ClusterRoleBinding' || kind === 'RoleBinding')
  return bindings.flatMap((binding) => {
    const { roleRef, subjects } = Binding.parse(binding)
    const role = objects.find(
      ({ kind, metadata: { name, namespace } }) =>
        kind === roleRef.kind &&
        name === roleRef.name &&
        (kind === 'ClusterRole' || namespace === binding.metadata.namespace),
    )
    if (role === undefined) throw new Error(`no ${roleRef.kind} ${roleRef.name} for ${binding.metadata.name}`)
    if (role['aggregationRule'] !== undefined) return []
    const rules = z.array(Rule).parse(role['rules'])
    return subjects.flatMap(({ name }) => rules.flatMap((rule) => spread(rule, name, binding.metadata.namespace)))
  })
}

function spread(rule: z.infer<typeof Rule>, account: string, namespace: string | undefined): Grant[] {
  const names = rule.resourceNames
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => ({ account, verb, resource, group, namespace, names })),
    ),
  )
}

/** Whether a request needed this grant. */
export function used(grant: Grant, request: Asked): boolean {
  return (
    request.allowed &&
    request.account === grant.account &&
    request.verb === grant.verb &&
    request.resource === grant.resource &&
    request.group === grant.group &&
    (grant.namespace === undefined || request.namespace === grant.namespace) &&
    (grant.names === undefined || request.name === undefined || grant.names.includes(request.name))
  )
}

/** For people. */
export function describeGrant({ account, verb, resource, group, namespace, names }: Grant): string {
  const where = namespace === undefined ? 'everywhere' : `in ${namespace}`
  return `${account}: ${verb} ${group}/${resource}${names === undefined ? '' : ` ${names.join(', ')}`} ${where}`
}
