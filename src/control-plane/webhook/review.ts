import { z } from 'zod'
import type { JsonObject } from '../../api/json.ts'
import type { FieldProblem } from '../../api/validate.ts'
import { jsonPatch } from './json-patch.ts'

/** What an API server asks about an object of ours. */
export interface AdmissionRequest {
  readonly kind: AdmittedKind
  readonly namespace: string
  /** Of whoever asked for the change. */
  readonly user: string
  readonly object: JsonObject
  /** What is stored; null at CREATE. */
  readonly oldObject: JsonObject | null
}

/** What becomes of a request. */
export type Verdict =
  /** `object`: what to store instead of what was sent. */
  | { readonly kind: 'allowed'; readonly object?: JsonObject; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly FieldProblem[]; readonly warnings: readonly string[] }

/** A review as we understood it. `question`: null when it is about nothing that we judge; then it is allowed. */
export interface Review {
  readonly uid: string
  readonly question: AdmissionRequest | null
}

/** The kinds that we judge, with the group of each. */
const groups = {
  Broker: 'eventing.knative.dev',
  Trigger: 'eventing.knative.dev',
  SinkBinding: 'sources.knative.dev',
  KafkaSource: 'sources.knative.dev',
} as const
type AdmittedKind = keyof typeof groups
const Metadata = z.looseObject({ name: z.string().optional(), deletionTimestamp: z.string().nullish() })
const KubernetesObject = z.looseObject({ metadata: Metadata })

/** AdmissionReview of admission.k8s.io/v1, as far as we read it. */
const AdmissionReview = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string().min(1),
    kind: z.looseObject({ group: z.string(), version: z.string(), kind: z.string() }),
    subResource: z.string().optional(),
    namespace: z.string().optional(),
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    userInfo: z.looseObject({ username: z.string().optional() }).optional(),
    object: KubernetesObject.nullish(),
    oldObject: KubernetesObject.nullish(),
  }),
})

/** @throws ZodError when it is no review. */
export function parseReview(body: unknown): Review {
  const { request } = AdmissionReview.parse(body)
  const { uid, object, oldObject, operation } = request
  const kind = admitted(request.kind)
  const written = operation === 'CREATE' || operation === 'UPDATE'
  const subresource = request.subResource !== undefined && request.subResource !== ''
  if (kind === undefined || !written || subresource || object == null) {
    return { uid, question: null }
  }
  // What is being deleted only loses finalizers: nothing may hold that up.
  if (object.metadata.deletionTimestamp != null) return { uid, question: null }
  const { namespace = '', userInfo } = request
  const before = operation === 'UPDATE' ? (oldObject ?? null) : null
  return { uid, question: { kind, namespace, user: userInfo?.username ?? '', object, oldObject: before } }
}

function admitted({ group, kind }: { group: string; kind: string }): AdmittedKind | undefined {
  return (Object.keys(groups) as AdmittedKind[]).find((name) => name === kind && groups[name] === group)
}

/** The answer to a review that is about nothing we judge. */
export const notAsked: Verdict = { kind: 'allowed', warnings: [] }

/** The AdmissionReview to answer with. */
export function answer({ uid, question }: Review, verdict: Verdict): object {
  const warnings = verdict.warnings.length === 0 ? {} : { warnings: verdict.warnings }
  const allowed = verdict.kind === 'allowed'
  const judged = allowed ? patched(question, verdict.object) : { status: status(question, verdict.problems) }
  const response = { uid, allowed, ...warnings, ...judged }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}

function patched(question: AdmissionRequest | null, object: JsonObject | undefined): object {
  const patch = question === null || object === undefined ? [] : jsonPatch(question.object, object)
  if (patch.length === 0) return {}
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
}

function status(question: AdmissionRequest | null, problems: readonly FieldProblem[]): object {
  return { status: 'Failure', code: 422, reason: 'Invalid', message: refusal(question, problems) }
}

/** All that is wrong, so that nobody has to apply once a mistake: on one line when it is one, else a line each. */
function refusal(question: AdmissionRequest | null, problems: readonly FieldProblem[]): string {
  const lines = problems.map(sentence)
  const about = question === null ? '' : `${question.kind} ${question.namespace}/${nameIn(question.object)}`
  if (lines.length === 1) return `${about}: ${lines[0]}`
  return `${about}: ${lines.length} fields are wrong:\n${lines.map((line) => `  - ${line}`).join('\n')}`
}

/** `spec.delivery.retry: must be 0 or more`. */
export function sentence({ path, message }: FieldProblem): string {
  return path === '' ? message : `${path}: ${message}`
}

function nameIn(object: JsonObject): string {
  const { name, generateName } = object['metadata'] as { name?: string; generateName?: string }
  return name ?? `${generateName ?? ''}*`
}
