import { Broker, brokerClassAnnotation, externalTopicAnnotation, reservedTopic } from './broker.ts'
import { explain } from './explain.ts'
import { isMap, valueAt, withoutNulls, type JsonObject } from './json.ts'
import { ignoredAnnotations } from './not-yet.ts'
import { asStoredVersion } from './old-versions.ts'
import { pathName } from './problem.ts'
import { Trigger } from './trigger.ts'

/** What is wrong with one field of an object that has no text to point into: the same words as a Problem of a manifest has. */
export interface FieldProblem {
  /** `spec.delivery.retry`; '' when it is about the whole object. */
  readonly path: string
  readonly message: string
}

/**
 * What is wrong with a Broker, of any served version with its old fields rewritten (`upgradeBroker`), as admission sees it; nothing: it is
 * valid. A Broker of another class is none of our business and always valid.
 */
export function validateBroker(object: JsonObject): readonly FieldProblem[] {
  const brokerClass = valueAt(object, ['metadata', 'annotations', brokerClassAnnotation]) ?? 'Kafka'
  return brokerClass === 'Kafka' ? [...validate(object, Broker), ...topicName(object)] : []
}

/** What Kafka gives the name of a topic, characters. */
const longestTopicName = 249

/** Rules of the API server cannot see the namespace, and no annotation that names another topic. Only admission asks: what is served stays so. */
function topicName(object: JsonObject): FieldProblem[] {
  const annotation = ['metadata', 'annotations', externalTopicAnnotation]
  const external = valueAt(object, annotation)
  const [namespace, name] = ['namespace', 'name'].map((field) => valueAt(object, ['metadata', field]))
  const named = typeof namespace === 'string' && typeof name === 'string'
  const own = named ? `knative-broker-${namespace}-${name}` : undefined
  if (typeof external === 'string') {
    const message = reservedTopic(external, own)
    return message === null ? [] : [{ path: pathName(annotation), message }]
  }
  const length = own?.length ?? 0
  if (length <= longestTopicName) return []
  const topic = `its topic is called knative-broker-${String(namespace)}-<name>`
  const message = `is too long: ${topic}, which would be ${length} characters, and Kafka takes ${longestTopicName}`
  return [{ path: 'metadata.name', message }]
}

/** What is wrong with a Trigger, of any served version with its old fields rewritten (`upgradeTrigger`). */
export function validateTrigger(object: JsonObject): readonly FieldProblem[] {
  return validate(object, Trigger)
}

/** What is no mistake but worth a word about a Broker or Trigger: annotations that this version ignores. For admission warnings. */
export function noticesAbout(object: JsonObject): readonly FieldProblem[] {
  const annotations = valueAt(object, ['metadata', 'annotations'])
  if (!isMap(annotations)) return []
  return ignoredAnnotations(annotations).map(({ annotation, message }) => ({
    path: pathName(['metadata', 'annotations', annotation]),
    message,
  }))
}

function validate(object: JsonObject, schema: typeof Broker | typeof Trigger): FieldProblem[] {
  const value = withName(withoutNulls(asStoredVersion(object)) as JsonObject)
  const result = schema.safeParse(value)
  if (result.success) return []
  const problems = result.error.issues.flatMap((issue) => explain(issue, schema, { value, source: () => null }))
  return problems.map(({ path, message }) => ({ path: pathName(path), message }))
}

/** At CREATE the API server may not have made the name yet of which `generateName` is the prefix. */
function withName(object: JsonObject): JsonObject {
  const { metadata } = object
  if (!isMap(metadata) || metadata['name'] !== undefined || typeof metadata['generateName'] !== 'string') return object
  return { ...object, metadata: { ...metadata, name: `${metadata['generateName']}xxxxx` } }
}
