import { isDeepStrictEqual } from 'node:util'
import { brokerClassAnnotation } from '../../../api/broker.ts'
import { isMap, valueAt, type JsonObject } from '../../../api/json.ts'
import { upgradeBroker } from '../../../api/old-versions.ts'
import { pathName } from '../../../api/problem.ts'
import { noticesAbout, validateBroker, type FieldProblem } from '../../../api/validate.ts'
import { sentence, type AdmissionRequest, type Verdict } from '../review.ts'
import { brokerDefaultsName, type BrokerConfig, type BrokerDefaults } from './broker-defaults.ts'
import { annotationOf, withField, withFinalizer, withMark, withRefNamespaces } from './fields.ts'
import { withModifier } from './modifier.ts'
import { ratchet } from './ratchet.ts'

/** What it lacks. A Broker of another class is not touched, but for the class when it had none. */
export function defaultBroker(request: AdmissionRequest, defaults: BrokerDefaults): Verdict {
  const { object, oldObject, namespace } = request
  const given = annotationOf(object, brokerClassAnnotation)
  // What the ConfigMap says meanwhile must not change the class of a Broker that exists.
  const brokerClass = given ?? (oldObject === null ? defaults.classIn(namespace) : classOf(oldObject))
  const classed = withMark(object, 'annotations', brokerClassAnnotation, brokerClass)
  if (brokerClass !== 'Kafka') {
    const warnings = given === undefined && oldObject === null ? [otherClass(brokerClass)] : []
    return { kind: 'allowed', object: classed, warnings }
  }
  const upgraded = upgradeBroker(classed)
  const configured = withConfig(request, upgraded.object, defaults)
  const delivering = withDelivery(request, configured.object, defaults)
  const referring = withRefNamespaces(delivering, namespace, [['spec', 'delivery', 'deadLetterSink']])
  const held = oldObject === null ? withFinalizer(referring, 'broker') : referring
  const notices = upgraded.notices.map(({ path, message }) => sentence({ path: pathName(path), message }))
  const complaints = oldObject === null && defaults.complaint !== null ? [defaults.complaint] : []
  const warnings = [...notices, ...configured.warnings, ...complaints]
  return { kind: 'allowed', object: withModifier(request, held), warnings }
}

/** All that is wrong. A Broker of another class is none of our business. */
export function judgeBroker({ object, oldObject, namespace }: AdmissionRequest, defaults: BrokerDefaults): Verdict {
  if (classOf(object) !== 'Kafka' && (oldObject === null || classOf(oldObject) !== 'Kafka')) {
    return { kind: 'allowed', warnings: [] }
  }
  const elsewhere = oldObject === null && !defaults.mayConfigElsewhere(namespace) ? configHere(object, namespace) : []
  const fixed = oldObject === null ? [] : fixedFields(object, oldObject)
  // Of another class nothing would be wrong with it: who puts the class back would hear of the rest only then.
  const asOurs = withMark(object, 'annotations', brokerClassAnnotation, 'Kafka')
  const problems = [...fixed, ...elsewhere, ...validateBroker(asOurs)]
  return ratchet(problems, oldObject === null ? [] : validateBroker(oldObject), noticesAbout(object))
}

function classOf(object: JsonObject): string {
  return annotationOf(object, brokerClassAnnotation) ?? 'Kafka'
}

function otherClass(brokerClass: string): string {
  const annotation = `metadata.annotations["${brokerClassAnnotation}"]`
  return `${annotation}: defaults to ${brokerClass} (ConfigMap ${brokerDefaultsName}), which Millrace does not serve; set it to Kafka`
}

/** `spec.config` never changes: what was stored stays, also where the manifest leaves it or its namespace out. */
function withConfig(
  { oldObject, namespace }: AdmissionRequest,
  object: JsonObject,
  defaults: BrokerDefaults,
): { object: JsonObject; warnings: string[] } {
  const path = ['spec', 'config']
  const given = valueAt(object, path) ?? undefined
  const stored = valueAt(oldObject, path) ?? undefined
  const byDefault = defaults.configIn(namespace)
  const as = (config: unknown, ...warnings: string[]): { object: JsonObject; warnings: string[] } => ({
    object: withField(object, path, config),
    warnings,
  })
  if (given === undefined) {
    if (oldObject === null) return byDefault === undefined ? { object, warnings: [] } : as(byDefault)
    if (stored === undefined) return { object, warnings: [] }
    const kept = 'spec.config: cannot be removed, it stays as it is; to change it delete the Broker and create it again'
    return isDeepStrictEqual(stored, byDefault) ? as(stored) : as(stored, kept)
  }
  if (!isMap(given) || (given['namespace'] ?? '') !== '') return { object, warnings: [] }
  if (oldObject === null) return as({ ...given, namespace })
  return isMap(stored) && isDeepStrictEqual({ ...stored, namespace: 0 }, { ...given, namespace: 0 })
    ? as(stored)
    : { object, warnings: [] }
}

/** At CREATE, and where it is taken away. A Broker that lives without stays so when the ConfigMap changes. */
function withDelivery(
  { oldObject, namespace }: AdmissionRequest,
  object: JsonObject,
  defaults: BrokerDefaults,
): JsonObject {
  const path = ['spec', 'delivery']
  const delivery = defaults.deliveryIn(namespace)
  const given = valueAt(object, path) ?? undefined
  const due = oldObject === null || (valueAt(oldObject, path) ?? undefined) !== undefined
  return given === undefined && due && delivery !== undefined ? withField(object, path, delivery) : object
}

const again = 'delete the Broker and create it again (its topic, with the events in it, goes with it)'

function fixedFields(object: JsonObject, oldObject: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = []
  const [from, to] = [classOf(oldObject), classOf(object)]
  if (from !== to) {
    const path = pathName(['metadata', 'annotations', brokerClassAnnotation])
    problems.push({ path, message: `cannot be changed from ${from} to ${to}: put ${from} back, or ${again}` })
  }
  const [stored, given] = [oldObject, object].map((each) => valueAt(each, ['spec', 'config']) ?? undefined)
  if (!isDeepStrictEqual(stored, given)) {
    const message = `cannot be changed from ${configName(stored)} to ${configName(given)}: put it back, or ${again}`
    problems.push({ path: 'spec.config', message })
  }
  return problems
}

function configName(config: unknown): string {
  if (!isMap(config)) return 'none'
  const { kind, namespace, name } = config as Partial<BrokerConfig>
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}

function configHere(object: JsonObject, namespace: string): FieldProblem[] {
  const named = valueAt(object, ['spec', 'config', 'namespace'])
  if (named === undefined || named === namespace) return []
  const message = `must be ${namespace}, the namespace of the Broker, not ${JSON.stringify(named)} (disallowDifferentNamespaceConfig in ConfigMap ${brokerDefaultsName})`
  return [{ path: 'spec.config.namespace', message }]
}
