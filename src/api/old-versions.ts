import { brokerClassAnnotation } from './broker.ts'
import { isMap, valueAt, type JsonObject } from './json.ts'
import type { Path } from './yaml-text.ts'

/** Versions of Broker and Trigger that are served beside v1. All versions share one schema but for the fields that are rewritten here. */
export const oldVersions: readonly string[] = ['v1beta1', 'v1alpha1']

/** Versions of SinkBinding that are served beside v1; their fields are the same. */
export const oldSinkBindingVersions: readonly string[] = ['v1beta1', 'v1alpha2', 'v1alpha1']

/** Versions of KafkaSource that are served beside v1; their fields are the same. */
export const oldKafkaSourceVersions: readonly string[] = ['v1beta1']

/** An object whose old fields were rewritten: the same object when there was none. Its apiVersion is as it was. */
export interface Upgraded {
  readonly object: JsonObject
  /** What was rewritten, a sentence each; for people, as a notice or an admission warning. */
  readonly notices: readonly { readonly path: Path; readonly message: string }[]
}

/**
 * A Trigger of v1beta1 or v1alpha1 in the fields of v1:
 *
 *     spec.broker missing or ''                   → default
 *     spec.filter.sourceAndType {source, type}    → spec.filter.attributes; '' asked for nothing and is dropped
 *
 * When both filters are there, `attributes` is mostly what an earlier admission made of `sourceAndType`: kubectl merges the old field into
 * the stored object with each apply. So `sourceAndType` decides about source and type, and other attributes stay. What has not the shape
 * of an old field is left for validation to refuse.
 */
export function upgradeTrigger(object: JsonObject): Upgraded {
  const spec = object['spec']
  if (!isOld(object) || !isMap(spec)) return { object, notices: [] }
  const broker = upgradedBroker(spec)
  const filter = upgradedFilter(spec['filter'])
  const changes = [...broker, ...filter]
  if (changes.length === 0) return { object, notices: [] }
  const fields = Object.assign({}, ...changes.map(({ fields }) => fields)) as JsonObject
  return { object: { ...object, spec: { ...spec, ...fields } }, notices: changes.map(({ notice }) => notice) }
}

/**
 * A Broker of v1beta1 or v1alpha1 in the fields of v1: `spec.channelTemplateSpec` goes, since ours keeps events in a topic. A Broker of
 * another class is left as it is.
 */
export function upgradeBroker(object: JsonObject): Upgraded {
  const { spec } = object
  const brokerClass = valueAt(object, ['metadata', 'annotations', brokerClassAnnotation]) ?? 'Kafka'
  if (!isOld(object) || !isMap(spec) || !('channelTemplateSpec' in spec) || brokerClass !== 'Kafka') {
    return { object, notices: [] }
  }
  const { channelTemplateSpec: _, ...rest } = spec
  const message = 'a field of an old version, ignored: this Broker keeps its events in a Kafka topic, not in a Channel'
  return { object: { ...object, spec: rest }, notices: [{ path: ['spec', 'channelTemplateSpec'], message }] }
}

/** The same object as v1: for schemas, which know no other. */
export function asStoredVersion(object: JsonObject): JsonObject {
  if (isOld(object)) return { ...object, apiVersion: 'eventing.knative.dev/v1' }
  const older = [...oldSinkBindingVersions, ...oldKafkaSourceVersions]
  const oldSource = older.some((version) => object['apiVersion'] === `sources.knative.dev/${version}`)
  return oldSource ? { ...object, apiVersion: 'sources.knative.dev/v1' } : object
}

interface Change {
  /** Of the spec. */
  readonly fields: JsonObject
  readonly notice: { readonly path: Path; readonly message: string }
}

function isOld({ apiVersion }: JsonObject): boolean {
  return oldVersions.some((version) => apiVersion === `eventing.knative.dev/${version}`)
}

function upgradedBroker(spec: JsonObject): Change[] {
  const absent = spec['broker'] === undefined || spec['broker'] === null || spec['broker'] === ''
  if (!absent || 'brokerRef' in spec) return []
  const message = 'none is named, which in an old version means the Broker "default"'
  return [{ fields: { broker: 'default' }, notice: { path: ['spec', 'broker'], message } }]
}

function upgradedFilter(filter: unknown): Change[] {
  if (!isMap(filter) || !('sourceAndType' in filter)) return []
  const { sourceAndType, ...rest } = filter
  const wanted = sourceAndTypeOf(sourceAndType)
  if (wanted === null) return []
  const { source: _, type: __, ...others } = isMap(rest['attributes']) ? rest['attributes'] : {}
  const attributes = { ...others, ...wanted }
  const asks = Object.entries(attributes).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const reading = asks.length === 0 ? 'nothing is asked, so every event passes' : `read as ${asks.join(', ')}`
  const message = `a field of an old version, now spec.filter.attributes; ${reading}`
  const path = ['spec', 'filter', 'sourceAndType']
  return [{ fields: { filter: { ...rest, attributes } }, notice: { path, message } }]
}

/** What it asks for; null when it is no `sourceAndType`. */
function sourceAndTypeOf(value: unknown): Record<string, string> | null {
  if (value === null) return {}
  if (!isMap(value)) return null
  const asked = Object.entries(value).filter(([, wanted]) => wanted !== '' && wanted !== null)
  const known = asked.every(([name, wanted]) => (name === 'source' || name === 'type') && typeof wanted === 'string')
  return known ? (Object.fromEntries(asked) as Record<string, string>) : null
}
