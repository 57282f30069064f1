import { kinds } from '../../kube/kinds.ts'
import type { KubeObject, Resource, StoredObject } from '../../kube/client.ts'
import { dispatcherStatefulSet } from './dispatcher.ts'
import { ingressDeployment, ingressService, ingressServices } from './ingress.ts'
import { childMetadata, selectorLabels } from './pod.ts'
import type { WorkersInput } from './pod.ts'
import type { Role } from './settings.ts'

/** An object that the controller keeps as it shall be. */
export interface Child {
  readonly role: Role
  readonly resource: Resource
  readonly desired: KubeObject
  /** Whether the settings decide of it. */
  readonly configured: boolean
}

/** How many at first, where nobody says a number: one may go without a pause. */
const initialReplicas = 2

/** All that the workers need; accounts and roles are installed, so that the controller need not be able to grant any. */
export function children(input: WorkersInput): readonly Child[] {
  const { deployment, statefulSet, service } = kinds
  return [
    { role: 'ingress', resource: deployment, desired: ingressDeployment(input), configured: true },
    { role: 'dispatcher', resource: statefulSet, desired: dispatcherStatefulSet(input), configured: true },
    ...ingressServices.map((name): Child => {
      return { role: 'ingress', resource: service, desired: ingressService(name, input), configured: false }
    }),
    ...(['ingress', 'dispatcher'] as const).map((role): Child => {
      return { role, resource: kinds.podDisruptionBudget, desired: disruptionBudget(role, input), configured: false }
    }),
  ]
}

/** One at a time: the others take over what it had. */
export function disruptionBudget(role: Role, input: WorkersInput): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: childMetadata(`millrace-${role}`, role, input),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(role) } },
  }
}

/**
 * Adds the number of replicas where the settings do not say one: it is not ours then, but leaving out a field that we once applied would reset it. So we
 * repeat what is there, and only if it is still there: the resourceVersion guards it.
 */
export function withReplicas(meant: KubeObject, live: StoredObject | null): KubeObject {
  const spec = meant['spec'] as { readonly replicas?: number }
  if (spec.replicas !== undefined) return meant
  if (live === null) return { ...meant, spec: { ...spec, replicas: initialReplicas } }
  const { replicas } = live['spec'] as { readonly replicas: number }
  const { resourceVersion } = live.metadata
  return { ...meant, metadata: { ...meant.metadata, resourceVersion }, spec: { ...spec, replicas } }
}
