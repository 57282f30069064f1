import { z } from 'zod'
import { ceOverrides } from './meta/ce-overrides.ts'
import type { Condition } from './meta/condition.ts'
import { LabelSelector } from './meta/label-selector.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { SinkDestination, type ReferenceReason } from './meta/reference.ts'
import { commonStatus } from './meta/status.ts'
import { crd, type Rule } from './meta/structural.ts'

/** Put before the names of the variables, so that one workload may have several sinks: `ORDERS_` makes `ORDERS_K_SINK`. */
export const envPrefixAnnotation = 'sources.millrace.dev/env-prefix'

const envPrefix = /^[A-Z][A-Z0-9_]{0,62}$/

const CeOverrides = ceOverrides('they become one variable of each container')

const subjectRule: Rule = {
  rule: 'has(self.name) != has(self.selector)',
  message: 'needs either name, for one workload, or selector, for all that have its labels; and not both',
}

const Subject = z
  .strictObject({
    apiVersion: z.string().min(1).describe('API group and version of the workloads, e.g. apps/v1.'),
    kind: z.string().min(1).describe('Kind of the workloads, e.g. Deployment: any that has a pod template.'),
    namespace: z.string().optional().describe('That of the SinkBinding; may be left out.'),
    name: z.string().min(1).optional().describe('Name of the one workload.'),
    selector: LabelSelector.optional().describe('Labels of the workloads, in place of name.'),
  })
  .superRefine(({ name, selector }, issue) => {
    if ((name === undefined) === (selector === undefined))
      issue.addIssue({ code: 'custom', message: subjectRule.message })
  })
  .meta(crd({ rules: [subjectRule] }))
export type Subject = z.infer<typeof Subject>

/** `spec` of a SinkBinding. */
export const SinkBindingSpec = z.strictObject({
  subject: Subject.describe('Which workloads get the variables: those of a kind, by name or by labels.'),
  sink: SinkDestination.describe('Where they send events to: ref (an object with an address) or uri.'),
  ceOverrides: CeOverrides.optional().describe('What they shall add to each event: K_CE_OVERRIDES, as JSON.'),
})
export type SinkBindingSpec = z.infer<typeof SinkBindingSpec>

/** SinkBinding, sources.knative.dev/v1: gives workloads the address of a sink as K_SINK in their environment. */
export const SinkBinding = z
  .strictObject({
    apiVersion: z.literal('sources.knative.dev/v1').describe('Always sources.knative.dev/v1.'),
    kind: z.literal('SinkBinding').describe('Always SinkBinding.'),
    metadata: ObjectMeta.describe('Name, namespace, labels, annotations.'),
    spec: SinkBindingSpec.describe('What is wanted.'),
    status: z.looseObject({}).optional().describe('Written by the controller; ignored in a manifest.'),
  })
  .superRefine(({ metadata, spec }, issue) => {
    const elsewhere = spec.subject.namespace || metadata.namespace
    if (metadata.namespace !== undefined && elsewhere !== metadata.namespace) {
      const message = `must be the namespace of the SinkBinding, ${metadata.namespace}; remove it, or make the SinkBinding in ${elsewhere}`
      issue.addIssue({ code: 'custom', path: ['spec', 'subject', 'namespace'], message })
    }
    const prefix = metadata.annotations?.[envPrefixAnnotation]
    if (prefix !== undefined && !envPrefix.test(prefix)) {
      const message = 'must be the beginning of the name of a variable: capital letters, digits and _, e.g. ORDERS_'
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', envPrefixAnnotation], message })
    }
  })
export type SinkBinding = z.infer<typeof SinkBinding>

/** What goes before the names of the variables; '' when nothing does, or what is written there is none. */
export function envPrefixOf(annotations: Readonly<Record<string, string>> = {}): string {
  const prefix = annotations[envPrefixAnnotation] ?? ''
  return envPrefix.test(prefix) ? prefix : ''
}

const text = (description: string) => z.string().optional().describe(description)

/** `status` of a SinkBinding. What it leaves out the API server drops. */
export const SinkBindingStatus = z.strictObject({
  ...commonStatus,
  sinkUri: text('What K_SINK is: the address of the sink. It stays while the sink has none.'),
  sinkCACerts: text('What K_CA_CERTS is: certificate authorities to trust there, PEM.'),
  sinkAudience: text('Audience of the OIDC token that requests to it carry.'),
  subjectCount: z.int().optional().describe('How many workloads have the variables.'),
  subjects: z
    .array(
      z
        .strictObject({
          apiVersion: z.string().describe('API group and version of the workload.'),
          kind: z.string().describe('Kind of the workload.'),
          name: z.string().describe('Name of the workload.'),
        })
        .describe('A workload, in the same namespace.'),
    )
    .optional()
    .describe('The workloads that have the variables; of very many the first.'),
})

/** What Ready of a SinkBinding depends on. Order decides whose reason is shown. */
export const sinkBindingDependents = ['SinkProvided', 'SinkBindingAvailable'] as const
export type SinkBindingConditionType = (typeof sinkBindingDependents)[number]
export type SinkBindingReason =
  /** SinkProvided. */
  | ReferenceReason
  /** SinkBindingAvailable: the workload that `subject.name` names does not exist. */
  | 'SubjectMissing'
  /** SinkBindingAvailable, which holds: the selector selects nothing yet. */
  | 'NoSubjects'
  /** SinkBindingAvailable: the kind has no pod template. */
  | 'SubjectNotBindable'
  /** SinkBindingAvailable: a controller made it of something else: bind that. */
  | 'SubjectOwned'
  /** SinkBindingAvailable: labels keep us away. */
  | 'SubjectExcluded'
  /** SinkBindingAvailable: we may not read or change workloads of this kind. */
  | 'SubjectForbidden'
  /** SinkBindingAvailable: another SinkBinding has the same variables of the same workload. */
  | 'Conflict'
  /** SinkBindingAvailable: someone takes the variables away each time. */
  | 'Contested'
  /** SinkBindingAvailable: a Job began without them. */
  | 'JobNotBound'
  /** SinkBindingAvailable: the API server does not take the change. */
  | 'BindingFailed'
  /** The object passed no admission, and this version does not understand it. */
  | 'SpecInvalid'
  | 'Pending'
export type SinkBindingCondition = Condition<SinkBindingConditionType, SinkBindingReason>
