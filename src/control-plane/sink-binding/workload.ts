import { isMap, valueAt, type JsonObject } from '../../api/json.ts'
import type { OwnerReference, Resource, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { GroupKind } from '../references.ts'
import type { EnvEntry } from './env.ts'

/** Kinds of Kubernetes itself that have a pod template. */
export const builtInWorkloads: readonly Resource[] = [
  kinds.deployment,
  kinds.statefulSet,
  kinds.daemonSet,
  kinds.replicaSet,
  kinds.job,
  kinds.cronJob,
]

/** Names of containers, separated by commas, that get no variables. On the workload. */
export const skipContainersAnnotation = 'sources.millrace.dev/skip-containers'

/** Its rule stands in the manifests, as those of the built-in kinds do. */
export function isKnativeService({ group, kind }: GroupKind): boolean {
  return group === 'serving.knative.dev' && kind === 'Service'
}

/** On a namespace or a workload, `true`: no SinkBinding touches it. As Knative has it. */
export const excludeLabel = 'bindings.knative.dev/exclude'

/** A container of a pod template, as far as it is our business. */
export interface Container {
  /** Of a Knative Service it may be missing. */
  readonly name?: string
  readonly env?: readonly EnvEntry[]
  readonly [field: string]: unknown
}

/** The lists that get variables. */
export const containerLists = ['containers', 'initContainers'] as const

/** Where a workload has the spec of its pods. */
export function podSpecPath({ group, kind }: GroupKind): readonly string[] {
  const template = ['spec', 'template', 'spec']
  return group === 'batch' && kind === 'CronJob' ? ['spec', 'jobTemplate', ...template] : template
}

/** Its template never changes once it is there. */
export function isFrozen({ group, kind }: GroupKind): boolean {
  return group === 'batch' && kind === 'Job'
}

/** The containers of one list; null when there is no such list. */
export function containersOf(object: JsonObject, kind: GroupKind, list: string): readonly Container[] | null {
  const found = valueAt(object, [...podSpecPath(kind), list])
  return Array.isArray(found) ? (found as Container[]).filter((container) => isMap(container)) : null
}

/** Who made it, when a controller made it of something else. */
export function controllerOf({ metadata: { ownerReferences = [] } }: StoredObject): OwnerReference | undefined {
  return ownerReferences.find(({ controller }) => controller === true)
}

const record = /^(sources|dev)\.millrace\.dev\//
const variable = /K_(SINK|CE_OVERRIDES|CA_CERTS)$/
/** Stands for an entry that is none of our business, so that places count as they do in the whole list. */
const other: EnvEntry = Object.freeze({ name: '' })

/** Of a workload only what decides whether something is to be written: a cluster has many. */
export function keepWorkload(kind: GroupKind): (object: StoredObject) => StoredObject {
  const path = podSpecPath(kind)
  return (object) => {
    const { apiVersion, metadata } = object
    // Nobody binds what a controller made: of a cluster's workloads that is the most.
    const owned = controllerOf(object) !== undefined
    const lists = (owned ? [] : containerLists).flatMap((list) => {
      const containers = containersOf(object, kind, list)
      return containers === null ? [] : [[list, containers.map(lean)] as const]
    })
    const podSpec = lists.length === 0 ? {} : Object.fromEntries(lists)
    const nested = path.toReversed().reduce<object>((inner, part) => ({ [part]: inner }), podSpec)
    const { name, namespace = '', uid, resourceVersion, labels, deletionTimestamp, ownerReferences } = metadata
    const annotations = owned ? [] : Object.entries(metadata.annotations ?? {}).filter(([key]) => record.test(key))
    const kept = {
      ...{ name, namespace, uid, resourceVersion },
      ...(labels === undefined ? {} : { labels }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    }
    const rest = owned ? {} : nested
    return { apiVersion, kind: object.kind, metadata: kept, ...rest, ...ended(object, kind) }
  }
}

function lean({ name, env }: Container): Container {
  const named = name === undefined ? {} : { name }
  return env === undefined ? named : { ...named, env: env.map((entry) => (variable.test(entry.name) ? entry : other)) }
}

function ended(object: StoredObject, kind: GroupKind): object {
  if (!isFrozen(kind)) return {}
  const conditions = valueAt(object, ['status', 'conditions'])
  const all = Array.isArray(conditions) ? (conditions as { type?: string; status?: string }[]) : []
  const over = all.filter(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')
  return over.length === 0 ? {} : { status: { conditions: over.map(({ type, status }) => ({ type, status })) } }
}

/** Whether it is a Job that has run. */
export function hasEnded(object: StoredObject): boolean {
  const conditions = valueAt(object, ['status', 'conditions'])
  return (
    Array.isArray(conditions) &&
    (conditions as { type?: string; status?: string }[]).some(
      ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
    )
  )
}
