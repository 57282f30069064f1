import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import { sinkBindingDependents, type SinkBindingCondition, type Subject } from '../../api/sink-binding.ts'
import { never } from '../../core/never.ts'
import type { Resource } from '../../kube/client.ts'
import type { KindView } from '../foreign-kinds.ts'
import { groupKindOf } from '../references.ts'
import { resolvedTo, unresolved, type Resolved } from '../resolve.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import type { KeptOut } from './observe.ts'

/** What became of one workload. */
export type SubjectOutcome =
  | { readonly kind: 'bound' }
  /** There is nothing yet that could be put into it. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'conflict'; readonly with: string }
  | { readonly kind: 'contested' }
  | { readonly kind: 'jobNotBound' }
  | { readonly kind: 'notBindable' }
  | { readonly kind: 'failed'; readonly message: string; readonly forbidden: boolean }
  | KeptOut

/** A workload that the SinkBinding selects, or was in. */
export interface SubjectResult {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  /** False: it was in it, and does not select it any more. */
  readonly wanted: boolean
  readonly outcome: SubjectOutcome
}

/** What is seen of the world around a SinkBinding. */
export interface BindingSeen {
  readonly namespace: string
  readonly subject: Subject
  readonly sink: Resolved
  readonly sinkUri: string | undefined
  readonly view: KindView
  readonly excludedNamespace: boolean
  readonly results: readonly SubjectResult[]
}

/** What was done and what is seen → conditions, with Ready. Pure. */
export function concludeBinding(seen: BindingSeen): Verdict {
  const conditions = [sinkProvided(seen), available(seen)]
  return verdictOf(conditions, ready(sinkBindingDependents, conditions))
}

/** A sink that has no address now takes nothing away, and says so. */
export function sinkProvided({ sink, sinkUri }: Pick<BindingSeen, 'sink' | 'sinkUri'>): SinkBindingCondition {
  if ('url' in sink) return resolvedTo('SinkProvided', 'spec.sink', sink)
  const condition = unresolved('SinkProvided', 'spec.sink', sink)
  const meanwhile = sinkUri === undefined ? '' : `; until then K_SINK stays ${sinkUri}`
  return { ...condition, message: `${condition.message}${meanwhile}` }
}

const type = 'SinkBindingAvailable'

function available(seen: BindingSeen): SinkBindingCondition {
  const { subject, view, results, namespace } = seen
  const undo = results.find(({ wanted, outcome }) => !wanted && outcome.kind === 'failed')
  if (undo !== undefined) return troubleOf([undo], namespace) ?? holds(type)
  if (view.kind !== 'known') return kindTrouble(subject, view)
  if (seen.excludedNamespace)
    return fails(
      type,
      'SubjectExcluded',
      `nothing in namespace ${namespace} is bound: it is a system namespace, or has the label bindings.knative.dev/exclude; bind workloads of another one, or remove the label`,
    )
  const wanted = results.filter((each) => each.wanted && each.outcome.kind !== 'going')
  return troubleOf(wanted, namespace) ?? (subject.name === undefined ? ofSelector(seen, wanted) : ofName(seen, wanted))
}

/** The first that a user must mend, in order of what it costs; null: there is none. */
function troubleOf(results: readonly SubjectResult[], namespace: string): SinkBindingCondition | null {
  const of = (kind: SubjectOutcome['kind']) => results.filter(({ outcome }) => outcome.kind === kind)
  const failed = of('failed')
  const [first] = failed
  if (first?.outcome.kind === 'failed') {
    const reason = first.outcome.forbidden ? 'SubjectForbidden' : 'BindingFailed'
    return fails(type, reason, `${namesOf(failed, namespace)} cannot be changed: ${first.outcome.message}`)
  }
  const conflicts = of('conflict')
  const [rival] = conflicts
  if (rival?.outcome.kind === 'conflict') {
    const advice =
      'delete one of the two, or give this one variables of its own with the annotation sources.millrace.dev/env-prefix, e.g. ORDERS_'
    const message = `${namesOf(conflicts, namespace)} has the variables of SinkBinding ${namespace}/${rival.outcome.with} already; ${advice}`
    return fails(type, 'Conflict', message)
  }
  const contested = of('contested')
  if (contested.length > 0) {
    const message = `someone takes the variables out of ${namesOf(contested, namespace)} each time, or they change too often; it is left alone now. Let that tool leave env alone that it did not write, or see that the webhook bindings.webhook.millrace.dev is called; then change this SinkBinding, or create it again`
    return fails(type, 'Contested', message)
  }
  const jobs = of('jobNotBound')
  if (jobs.length > 0) {
    const message = `${namesOf(jobs, namespace)} began without the variables, and the pod template of a Job cannot be changed: delete it and create it again`
    return fails(type, 'JobNotBound', message)
  }
  if (of('notBindable').length > 0)
    return fails(
      type,
      'SubjectNotBindable',
      `${namesOf(of('notBindable'), namespace)} has no pod template with containers; name a workload that has one`,
    )
  return null
}

function ofName({ subject, namespace }: BindingSeen, [found]: readonly SubjectResult[]): SinkBindingCondition {
  const what = `${subject.kind} ${namespace}/${subject.name ?? ''}`
  if (found === undefined)
    return fails(type, 'SubjectMissing', `${what} does not exist; apply it, or correct spec.subject`)
  const { outcome } = found
  if (outcome.kind === 'owned') return fails(type, 'SubjectOwned', `${what} ${ownedBy(outcome.by)}`)
  if (outcome.kind === 'excluded')
    return fails(
      type,
      'SubjectExcluded',
      `${what} has the label bindings.knative.dev/exclude; remove it, or this SinkBinding`,
    )
  if (outcome.kind === 'ended')
    return fails(type, 'JobNotBound', `${what} has run without the variables: delete it and create it again`)
  return outcome.kind === 'waiting'
    ? waits(type, 'Pending', `${what} gets the variables when the sink has an address`)
    : holds(type)
}

function ofSelector({ subject, namespace }: BindingSeen, wanted: readonly SubjectResult[]): SinkBindingCondition {
  const open = wanted.filter(({ outcome: { kind } }) => kind === 'bound' || kind === 'waiting')
  const owned = wanted.find(({ outcome }) => outcome.kind === 'owned')
  if (open.length === 0 && owned?.outcome.kind === 'owned') {
    const what = `${subject.kind} ${namespace}/${owned.name}`
    return fails(type, 'SubjectOwned', `${what}, which the selector selects, ${ownedBy(owned.outcome.by)}`)
  }
  if (open.length === 0)
    return { ...holds(type), reason: 'NoSubjects', message: `no ${subject.kind} in ${namespace} has these labels yet` }
  if (open.some(({ outcome }) => outcome.kind === 'waiting'))
    return waits(type, 'Pending', `${open.length} subjects get the variables when the sink has an address`)
  return holds(type)
}

function ownedBy(owner: string): string {
  return `is made by ${owner}, which would undo each change: name that as the subject`
}

function kindTrouble(subject: Subject, view: Exclude<KindView, { kind: 'known' }>): SinkBindingCondition {
  const { group, kind } = groupKindOf(subject)
  switch (view.kind) {
    case 'loading':
      return waits(type, 'Pending', `workloads of kind ${kind} are being looked up`)
    case 'forbidden':
      return fails(type, 'SubjectForbidden', forbidden(subject, view.resource))
    case 'notInstalled': {
      const builtIn = group === '' || !group.includes('.') || group.endsWith('.k8s.io')
      if (!builtIn)
        return fails(
          type,
          'KindNotInstalled',
          `this cluster has no kind ${kind}.${group}; install it, or correct spec.subject`,
        )
      const message = `${kind} of ${subject.apiVersion} has no pod template; name a Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, or another kind that has one`
      return fails(type, 'SubjectNotBindable', message)
    }
    default:
      return never(view)
  }
}

/** Rights are aggregated: any ClusterRole with this label adds to what we may bind. */
function forbidden({ kind, apiVersion }: Subject, { group, plural }: Resource): string {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `millrace-podspecable-${plural}.${group}`, labels: { 'duck.knative.dev/podspecable': 'true' } },
    rules: [{ apiGroups: [group], resources: [plural], verbs: ['list', 'watch', 'patch'] }],
  }
  return `Millrace may not bind objects of kind ${kind} of ${apiVersion}; apply this and it will: ${JSON.stringify(role)}`
}

function namesOf(results: readonly SubjectResult[], namespace: string): string {
  const shown = results.slice(0, 3).map(({ kind, name }) => `${kind} ${namespace}/${name}`)
  const more = results.length - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
