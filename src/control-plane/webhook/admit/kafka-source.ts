import { valueAt, type JsonObject } from '../../../api/json.ts'
import { noticesAbout, validateKafkaSource, type FieldProblem } from '../../../api/validate.ts'
import { sourceGroup } from '../../names.ts'
import type { AdmissionRequest, Verdict } from '../review.ts'
import { withField, withFinalizer, withRefNamespaces } from './fields.ts'
import { withModifier } from './modifier.ts'
import { ratchet } from './ratchet.ts'

const groupPath = ['spec', 'consumerGroup']

/**
 * What it lacks. What is wrong with it is told here already: after us, and before anybody else is asked, the API server finds values of a wrong type,
 * and says so in words for programmers.
 * @param newGroup a name for its consumer group, where it has none.
 */
export function defaultKafkaSource(request: AdmissionRequest, newGroup: string): Verdict {
  const { namespace, oldObject, object } = request
  const judged = judgeKafkaSource(request)
  if (judged.kind === 'refused') return judged
  const referring = withRefNamespaces(withGroup(object, oldObject, newGroup), namespace, [
    ['spec', 'sink'],
    ['spec', 'delivery', 'deadLetterSink'],
  ])
  const held = oldObject === null ? withFinalizer(referring, 'kafkaSource') : referring
  return { kind: 'allowed', object: withModifier(request, held), warnings: [] }
}

/** All that is wrong. */
export function judgeKafkaSource({ object, oldObject }: AdmissionRequest): Verdict {
  const fixed = oldObject === null ? [] : fixedGroup(object, oldObject)
  const before = oldObject === null ? [] : validateKafkaSource(oldObject)
  return ratchet([...fixed, ...validateKafkaSource(object)], before, noticesAbout(object))
}

/** Of one that stands it stays, also where the manifest leaves it out. */
function withGroup(object: JsonObject, oldObject: JsonObject | null, newGroup: string): JsonObject {
  const named = groupIn(object)
  if (named !== undefined) return object
  const uid = valueAt(oldObject, ['metadata', 'uid'])
  // One that came past us has the group of its UID.
  return withField(object, groupPath, groupIn(oldObject) ?? (typeof uid === 'string' ? sourceGroup(uid) : newGroup))
}

function fixedGroup(object: JsonObject, oldObject: JsonObject): FieldProblem[] {
  const [from, to] = [groupIn(oldObject), groupIn(object)]
  if (from === undefined || to === undefined || from === to) return []
  const message = `cannot be changed from ${from} to ${to}, since positions belong to a group: put ${from} back, or delete this KafkaSource and create it again with the other group`
  return [{ path: 'spec.consumerGroup', message }]
}

function groupIn(object: JsonObject | null): string | undefined {
  const group = valueAt(object, groupPath)
  return typeof group === 'string' && group !== '' ? group : undefined
}
