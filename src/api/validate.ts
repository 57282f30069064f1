import { Broker, brokerClassAnnotation } from './broker.ts'
import { explain } from './explain.ts'
import { KafkaSource } from './kafka-source.ts'
import { isMap, valueAt, withoutNulls, type JsonObject } from './json.ts'
import { noticesOf } from './notices.ts'
import { asStoredVersion } from './old-versions.ts'
import { pathName } from './problem.ts'
import { SinkBinding } from './sink-binding.ts'
import { topicProblems } from './topic-name.ts'
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

function topicName(object: JsonObject): FieldProblem[] {
  return topicProblems(object).map(({ path, message }) => ({ path: pathName(path), message }))
}

/** What is wrong with a Trigger, of any served version with its old fields rewritten (`upgradeTrigger`). */
export function validateTrigger(object: JsonObject): readonly FieldProblem[] {
  return validate(object, Trigger)
}

/** What is wrong with a SinkBinding, of any served version. */
export function validateSinkBinding(object: JsonObject): readonly FieldProblem[] {
  return validate(object, SinkBinding)
}

/** What is wrong with a KafkaSource, of any served version. */
export function validateKafkaSource(object: JsonObject): readonly FieldProblem[] {
  return validate(object, KafkaSource)
}

/** What is no mistake but worth a word about an object: for admission warnings. */
export function noticesAbout(object: JsonObject): readonly FieldProblem[] {
  return noticesOf(object).map(({ path, message }) => ({ path: pathName(path), message }))
}

type Schema = typeof Broker | typeof Trigger | typeof SinkBinding | typeof KafkaSource

function validate(object: JsonObject, schema: Schema): FieldProblem[] {
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
