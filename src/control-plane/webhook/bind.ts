import { z } from 'zod'
import { isMap, valueAt, type JsonObject } from '../../api/json.ts'
import type { StoredObject } from '../../kube/client.ts'
import type { GroupKind } from '../references.ts'
import type { Bindings } from '../sink-binding/bindings.ts'
import { bind } from '../sink-binding/inject.ts'
import { isLeftAlone, presumed } from '../sink-binding/observe.ts'
import { ofThisCluster, recordOf } from '../sink-binding/record.ts'
import { jsonPatch } from './json-patch.ts'

const Metadata = z.looseObject({
  name: z.string().optional(),
  labels: z.record(z.string(), z.string()).nullish(),
  deletionTimestamp: z.string().nullish(),
})
const Workload = z.looseObject({ metadata: Metadata })

/** AdmissionReview of admission.k8s.io/v1 about a workload, as far as we read it. */
const Review = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string().min(1),
    kind: z.looseObject({ group: z.string(), kind: z.string() }),
    subResource: z.string().optional(),
    namespace: z.string().optional(),
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    userInfo: z.looseObject({ username: z.string().optional() }).optional(),
    object: Workload.nullish(),
    oldObject: Workload.nullish(),
  }),
})
export type BindReview = z.infer<typeof Review>['request']

/** @throws ZodError when it is no review. */
export function parseBindReview(body: unknown): BindReview {
  return Review.parse(body).request
}

/** What admission of workloads goes by. */
export interface BindingAdmissionParts {
  readonly bindings: Bindings
  /** The account of the controller: the leader knows best. */
  readonly controller: string
}

/**
 * Answers a review of a workload: it gets the variables of those SinkBindings whose address is known, before its first pod is made. Never refuses. A
 * workload that someone applies anew as it was in the beginning comes out as it was before, so that nothing rolls.
 */
export function answerBinding(request: BindReview, parts: BindingAdmissionParts): object {
  const { uid, kind, object, oldObject, operation, namespace = '', userInfo } = request
  const written = operation === 'CREATE' || operation === 'UPDATE'
  const theirs = userInfo?.username !== parts.controller
  const whole = (request.subResource ?? '') === ''
  const asked = written && theirs && whole && object != null && object.metadata.deletionTimestamp == null
  return asked ? answer(uid, ...bound(object, oldObject ?? null, kind, namespace, parts)) : answer(uid, [], [])
}

function bound(
  object: JsonObject,
  oldObject: JsonObject | null,
  kind: GroupKind,
  namespace: string,
  { bindings }: BindingAdmissionParts,
): [patch: readonly object[], warnings: readonly string[]] {
  const workload = object as StoredObject
  // Whoever replaces the whole object takes the record off with the rest.
  const [own, before] = [recordOf(object), recordOf(oldObject)]
  const labels = workload.metadata.labels
  const metadata = { name: workload.metadata.name, ...(isMap(labels) ? { labels } : {}) }
  const written = oldObject === null ? ofThisCluster(own, '') : Object.keys(own).length === 0 ? before : own
  const candidates = oldObject === null ? [] : bindings.of(kind, namespace, metadata)
  const lost = candidates.flatMap((binding) => {
    const { name } = binding.metadata
    const found = Object.hasOwn(written, name) ? undefined : presumed(binding, kind, oldObject as StoredObject)
    return found === undefined ? [] : [[name, found] as const]
  })
  const record = lost.length === 0 ? written : { ...written, ...Object.fromEntries(lost) }
  const binders = bindings.bindersOf({ metadata }, kind, namespace, { record, beingMade: oldObject === null })
  const found = bind(object, kind, isLeftAlone(workload) ? { ...binders, sinks: [] } : binders)
  const patch = jsonPatch(object, found.object)
  if (patch.length > 0 && annotationBytes(found.object) > mostAnnotationBytes) return [[], [tooLarge]]
  const by = Object.keys(found.record).join(', ')
  const warnings = found.displaced.map(
    (name) => `${name} is set by SinkBinding ${by}; what is written here comes back when that is gone`,
  )
  return [patch, patch.length === 0 ? [] : warnings]
}

/** The API server takes 256 KiB of annotations, and other webhooks may add theirs. */
const mostAnnotationBytes = 240 * 1024
const tooLarge =
  'SinkBindings change nothing here: with what they keep in the annotation sources.millrace.dev/bound, the annotations would have more than 240 KiB; make them smaller'

function annotationBytes(object: JsonObject): number {
  const annotations = valueAt(object, ['metadata', 'annotations'])
  const all = isMap(annotations) ? Object.entries(annotations) : []
  return all.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(String(value)), 0)
}

function answer(uid: string, patch: readonly object[], warnings: readonly string[]): object {
  const response = {
    uid,
    allowed: true,
    ...(warnings.length === 0 ? {} : { warnings }),
    ...(patch.length === 0
      ? {}
      : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
  }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}
