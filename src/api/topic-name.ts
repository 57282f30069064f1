import { brokerClassAnnotation, externalTopicAnnotation, reservedTopic } from './broker.ts'
import { valueAt, type JsonObject } from './json.ts'

/** What Kafka gives the name of a topic, characters. */
const longestTopicName = 249

/**
 * What is wrong with the topic that a Broker comes to, or asks for. Rules of the API server cannot see the namespace, and no annotation that
 * names another topic. To be asked before it is applied alone: what is served stays so.
 * @param namespace that of the Broker, where the object does not say.
 */
export function topicProblems(
  object: JsonObject,
  namespace = valueAt(object, ['metadata', 'namespace']),
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  if ((valueAt(object, ['metadata', 'annotations', brokerClassAnnotation]) ?? 'Kafka') !== 'Kafka') return []
  const annotation = ['metadata', 'annotations', externalTopicAnnotation]
  const external = valueAt(object, annotation)
  const name = valueAt(object, ['metadata', 'name'])
  const named = typeof namespace === 'string' && typeof name === 'string'
  const own = named ? `knative-broker-${namespace}-${name}` : undefined
  if (typeof external === 'string') {
    const message = reservedTopic(external, own)
    return message === null ? [] : [{ path: annotation, message }]
  }
  const length = own?.length ?? 0
  if (length <= longestTopicName) return []
  const topic = `its topic is called knative-broker-${String(namespace)}-<name>`
  const message = `is too long: ${topic}, which would be ${length} characters, and Kafka takes ${longestTopicName}`
  return [{ path: ['metadata', 'name'], message }]
}
