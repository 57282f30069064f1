import type { Resource } from '../client.ts'

/** What differs between kinds on a real API server, as far as we can notice it. */
export interface KindRules {
  /** Status has a subresource of its own: writing the object leaves status alone, and the other way round. */
  readonly hasStatus: boolean
  /** metadata.generation counts the changes of what is not metadata or status. */
  readonly hasGeneration: boolean
  /** A replace without resourceVersion is accepted. */
  readonly replaceUnguarded: boolean
  /** Lists like containers or env are merged by the key of their items on apply; in custom resources without list types they are replaced whole. */
  readonly keyedLists: boolean
}

const withoutStatus = new Set([
  'configmaps',
  'secrets',
  'serviceaccounts',
  'events',
  'leases',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
])
const withoutGeneration = new Set([
  'configmaps',
  'secrets',
  'serviceaccounts',
  'events',
  'leases',
  'services',
  'namespaces',
])
const builtInGroups = new Set([
  '',
  'apps',
  'batch',
  'policy',
  'coordination.k8s.io',
  'apiextensions.k8s.io',
  'admissionregistration.k8s.io',
])
const guarded = new Set([
  'leases',
  'customresourcedefinitions',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
])

/** Custom resources: with status subresource. */
export function rulesOf({ group, plural }: Resource): KindRules {
  const builtIn = builtInGroups.has(group)
  return {
    hasStatus: !(builtIn && withoutStatus.has(plural)),
    hasGeneration: !(builtIn && withoutGeneration.has(plural)),
    replaceUnguarded: builtIn && !guarded.has(plural),
    keyedLists: builtIn,
  }
}
