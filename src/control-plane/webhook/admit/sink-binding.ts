import { valueAt, type JsonObject } from '../../../api/json.ts'
import { validateSinkBinding } from '../../../api/validate.ts'
import type { AdmissionRequest, Verdict } from '../review.ts'
import { withField, withFinalizer, withRefNamespaces } from './fields.ts'
import { withModifier } from './modifier.ts'
import { ratchet } from './ratchet.ts'

/** What it lacks. */
export function defaultSinkBinding(request: AdmissionRequest): Verdict {
  const { namespace, oldObject } = request
  const referring = withRefNamespaces(request.object, namespace, [['spec', 'sink']])
  const held = oldObject === null ? withFinalizer(referring, 'sinkBinding') : referring
  return { kind: 'allowed', object: withModifier(request, withSubjectNamespace(held, namespace)), warnings: [] }
}

/** All that is wrong. */
export function judgeSinkBinding({ object, oldObject }: AdmissionRequest): Verdict {
  return ratchet(validateSinkBinding(object), oldObject === null ? [] : validateSinkBinding(oldObject), [])
}

function withSubjectNamespace(object: JsonObject, namespace: string): JsonObject {
  const path = ['spec', 'subject']
  if (valueAt(object, path) === undefined || (valueAt(object, [...path, 'namespace']) ?? '') !== '') return object
  return withField(object, [...path, 'namespace'], namespace)
}
