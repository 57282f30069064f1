import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../../api/json.ts'
import type { AdmissionRequest } from '../review.ts'
import { annotationOf, withMark } from './fields.ts'

/** Who made an object, and who last changed its spec. Others read them, so nobody may write them but us: an edit is put back. */
const annotations = {
  Broker: ['eventing.knative.dev/creator', 'eventing.knative.dev/lastModifier'],
  Trigger: ['eventing.knative.dev/creator', 'eventing.knative.dev/lastModifier'],
  KafkaSource: ['sources.knative.dev/creator', 'sources.knative.dev/lastModifier'],
  SinkBinding: ['sources.knative.dev/creator', 'sources.knative.dev/lastModifier'],
} as const

/** `object`: as it will be stored. Where the spec stays as it was both stay too, so that applying the same again changes nothing. */
export function withModifier({ kind, user, oldObject }: AdmissionRequest, object: JsonObject): JsonObject {
  const [creatorAnnotation, modifierAnnotation] = annotations[kind]
  const name = user === '' ? undefined : user
  const creator = oldObject === null ? name : annotationOf(oldObject, creatorAnnotation)
  const changed = oldObject === null || !isDeepStrictEqual(oldObject['spec'], object['spec'])
  const modifier = changed ? name : annotationOf(oldObject, modifierAnnotation)
  return withMark(
    withMark(object, 'annotations', creatorAnnotation, creator),
    'annotations',
    modifierAnnotation,
    modifier,
  )
}
