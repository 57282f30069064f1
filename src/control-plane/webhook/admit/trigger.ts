import { isMap, valueAt, type JsonObject } from '../../../api/json.ts'
import { upgradeTrigger } from '../../../api/old-versions.ts'
import { pathName } from '../../../api/problem.ts'
import { noticesAbout, validateTrigger, type FieldProblem } from '../../../api/validate.ts'
import type { ObjectName } from '../../../kube/client.ts'
import { sentence, type AdmissionRequest, type Verdict } from '../review.ts'
import { withFinalizer, withMark, withRefNamespaces } from './fields.ts'
import { withModifier } from './modifier.ts'
import { ratchet } from './ratchet.ts'

/** Label with the name of the Broker; other tools select by it. */
export const brokerLabel = 'eventing.knative.dev/broker'

/** The class of the Broker that a Trigger names; null: there is none (yet), or nobody knows now. It may be ours then. */
export type NamedClass = string | null

/** The Broker that a Trigger names, old fields counted in; null when it names none. */
export function brokerOf({ object, namespace }: AdmissionRequest): ObjectName | null {
  const spec = upgradeTrigger(object).object['spec']
  if (!isMap(spec)) return null
  if (typeof spec['broker'] === 'string') return { namespace, name: spec['broker'] }
  const ref = spec['brokerRef']
  if (!isMap(ref) || typeof ref['name'] !== 'string') return null
  return { namespace: typeof ref['namespace'] === 'string' ? ref['namespace'] : namespace, name: ref['name'] }
}

/** What it lacks. A Trigger whose Broker is of another class gets nothing from us. */
export function defaultTrigger(request: AdmissionRequest, brokerClass: NamedClass): Verdict {
  if (!mayBeOurs(brokerClass)) return { kind: 'allowed', warnings: [] }
  const { object, notices } = upgradeTrigger(request.object)
  const referring = withRefNamespaces(object, request.namespace, [
    ['spec', 'subscriber'],
    ['spec', 'delivery', 'deadLetterSink'],
  ])
  const labelled = withBrokerLabel(referring)
  const held = request.oldObject === null ? withFinalizer(labelled, 'trigger') : labelled
  const warnings = notices.map(({ path, message }) => sentence({ path: pathName(path), message }))
  return { kind: 'allowed', object: withModifier(request, held), warnings }
}

/** All that is wrong. A Trigger whose Broker is of another class is none of our business. */
export function judgeTrigger({ object, oldObject }: AdmissionRequest, brokerClass: NamedClass): Verdict {
  if (!mayBeOurs(brokerClass)) return { kind: 'allowed', warnings: [] }
  const fixed = oldObject === null ? [] : fixedBroker(object, oldObject)
  const before = oldObject === null ? [] : validateTrigger(oldObject)
  return ratchet([...fixed, ...validateTrigger(object)], before, noticesAbout(object))
}

function mayBeOurs(brokerClass: NamedClass): boolean {
  return brokerClass === null || brokerClass === 'Kafka'
}

/** What the API server takes as the value of a label: a name of a Broker may be longer, or wrong. */
const labelValue = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

function withBrokerLabel(object: JsonObject): JsonObject {
  const broker = valueAt(object, ['spec', 'broker'])
  return typeof broker === 'string' && labelValue.test(broker)
    ? withMark(object, 'labels', brokerLabel, broker)
    : object
}

function fixedBroker(object: JsonObject, oldObject: JsonObject): FieldProblem[] {
  const [from, to] = [oldObject, object].map((each) => valueAt(each, ['spec', 'broker']))
  if (typeof from !== 'string' || from === to) return []
  const message = `cannot be changed from ${from} to ${String(to)}: put ${from} back, or delete the Trigger and create it again (it then starts with the newest events)`
  return [{ path: 'spec.broker', message }]
}
