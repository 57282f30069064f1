import type { Rule, StructuralSchema } from './structural.ts'

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'date' | 'integer' | 'number'
  readonly jsonPath: string
  readonly description?: string
  /** 1: shown with `-o wide` only. */
  readonly priority?: number
}

/** A served version of a kind. */
export interface Version {
  readonly name: string
  readonly spec: StructuralSchema
  readonly status: StructuralSchema | null
  /** Rules about the object as a whole. */
  readonly rules?: readonly Rule[]
  /** What kubectl prints when somebody uses this version. */
  readonly deprecationWarning?: string
}

/** What a CustomResourceDefinition of ours is made of. All are namespaced, with a status subresource and without conversion. */
export interface Definition {
  readonly group: string
  readonly kind: string
  /** Shown by `kubectl explain`. */
  readonly description: string
  readonly shortNames?: readonly string[]
  readonly categories: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly columns: readonly Column[]
  /** False: an object without a spec is right. */
  readonly specRequired: boolean
  /** Where `kubectl scale` writes and reads; JSON paths. */
  readonly scale?: { readonly spec: string; readonly status: string; readonly selector: string }
  /** The first one is stored. */
  readonly versions: readonly Version[]
}

/** The columns that every list ends with. */
export const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }
/** Status and reason of the condition Ready. */
export const readyColumns: readonly Column[] = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
]

/** How what delivers gets on, beside its lag; with `-o wide`. */
export const progressColumns: readonly Column[] = [
  {
    name: 'Rate',
    type: 'number',
    jsonPath: '.status.rate',
    description: 'Events that the subscriber took, a second, over the last minute.',
    priority: 1,
  },
  { name: 'Last_Delivery', type: 'date', jsonPath: '.status.lastDelivery', description: 'How long ago.', priority: 1 },
  { name: 'Last_Error', type: 'string', jsonPath: '.status.lastError.message', priority: 1 },
]

/** A CustomResourceDefinition (apiextensions.k8s.io/v1), in a stable order. */
export function customResourceDefinition(definition: Definition): Readonly<Record<string, unknown>> {
  const { group, kind, labels, annotations, categories, shortNames, versions } = definition
  const singular = kind.toLowerCase()
  const plural = `${singular}s`
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames === undefined ? {} : { shortNames }),
        categories,
      },
      conversion: { strategy: 'None' },
      versions: versions.map((version, i) => versionOf(definition, version, i === 0)),
    },
  }
}

function versionOf(definition: Definition, version: Version, storage: boolean) {
  const { name, deprecationWarning } = version
  return {
    name,
    served: true,
    storage,
    ...(deprecationWarning === undefined ? {} : { deprecated: true, deprecationWarning }),
    subresources: subresourcesOf(definition),
    additionalPrinterColumns: definition.columns,
    schema: { openAPIV3Schema: rootOf(definition, version) },
  }
}

function subresourcesOf({ scale }: Definition) {
  if (scale === undefined) return { status: {} }
  const { spec, status, selector } = scale
  return {
    status: {},
    scale: { specReplicasPath: spec, statusReplicasPath: status, labelSelectorPath: selector },
  }
}

function rootOf({ group, kind, description, specRequired }: Definition, { name, spec, status, rules }: Version) {
  return {
    type: 'object',
    description,
    ...(specRequired ? { required: ['spec'] } : {}),
    properties: {
      apiVersion: { type: 'string', description: `Always ${group}/${name}.` },
      kind: { type: 'string', description: `Always ${kind}.` },
      metadata: { type: 'object' },
      spec,
      ...(status === null ? {} : { status }),
    },
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  }
}
