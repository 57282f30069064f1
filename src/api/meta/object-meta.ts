import { z } from 'zod'

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** The name of an object: an RFC 1123 subdomain of at most 253 characters. */
export const ObjectName = z.string().superRefine((name, issue) => {
  if (name.length > 253) issue.addIssue(`is ${name.length} characters long, 253 are allowed`)
  else if (!subdomain.test(name)) issue.addIssue(`${nameRule("'-' and '.'")}${suggestion(name, /[^a-z0-9.-]+/g)}`)
})

/** The name of a namespace: an RFC 1123 label of at most 63 characters. */
export const NamespaceName = z.string().superRefine((name, issue) => {
  if (name.length > 63) issue.addIssue(`is ${name.length} characters long, 63 are allowed`)
  else if (!label.test(name)) issue.addIssue(`${nameRule("'-'")}${suggestion(name, /[^a-z0-9-]+/g)}`)
})

function nameRule(marks: string): string {
  return `must be lower-case letters, digits and ${marks}, and start and end with a letter or digit (RFC 1123)`
}

function suggestion(name: string, wrong: RegExp): string {
  const better = name
    .toLowerCase()
    .replace(wrong, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  return subdomain.test(better) ? `, for example ${better}` : ''
}

/**
 * Kubernetes ObjectMeta, as users write it and as `kubectl get -o yaml` prints it. Only name, namespace, labels, annotations, uid and
 * generation mean something to us.
 */
export const ObjectMeta = z.strictObject({
  name: ObjectName.describe('Name of the object, unique per kind and namespace.'),
  namespace: NamespaceName.optional().describe('Namespace of the object.'),
  labels: z.record(z.string(), z.string()).optional().describe('Labels, text to text.'),
  annotations: z.record(z.string(), z.string()).optional().describe('Annotations, text to text.'),
  uid: z.string().optional().describe('Set by the API server.'),
  generation: z.int().optional().describe('Set by the API server: counts changes of the spec.'),
  generateName: z.string().optional().describe('Prefix of a generated name.'),
  resourceVersion: z.string().optional().describe('Set by the API server.'),
  creationTimestamp: z.string().optional().describe('Set by the API server.'),
  deletionTimestamp: z.string().optional().describe('Set by the API server.'),
  deletionGracePeriodSeconds: z.int().optional().describe('Set by the API server.'),
  selfLink: z.string().optional().describe('Set by old API servers.'),
  finalizers: z.array(z.string()).optional().describe('Who must let go before the object is gone.'),
  ownerReferences: z.array(z.looseObject({})).optional().describe('Objects that own this one.'),
  managedFields: z.array(z.looseObject({})).optional().describe('Set by the API server.'),
})
export type ObjectMeta = z.infer<typeof ObjectMeta>
