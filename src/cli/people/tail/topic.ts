import { filterOf } from '../../../api/trigger-filter.ts'
import { Fault } from '../../../core/fault.ts'
import { everything, FilterSpec } from '../../../event/filter-spec.ts'
import { kinds } from '../../../kube/kinds.ts'
import { untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import type { TailFlags, TailObject } from './flags.ts'

/** Where events of an object stand, and which of them are meant. */
export interface TopicAndFilter {
  readonly topic: string
  readonly filter: FilterSpec
}

/** Asks the cluster: a Broker has its topic in its status; a Trigger has a filter, and a Broker. @throws Fault */
export async function topicOf(flags: TailFlags): Promise<TopicAndFilter> {
  const object = flags.object ?? { kind: 'Broker', name: 'default' }
  const guess = `millrace tail --kafka ${flags.kafka} --topic knative-broker-${flags.namespace ?? 'NAMESPACE'}-${object.kind === 'Broker' ? object.name : 'BROKER'}`
  try {
    return await withClusterOf(flags, (cluster) =>
      object.kind === 'Broker' ? ofBroker(object.name, cluster) : ofTrigger(object, cluster),
    )
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'ApiUnavailable') throw error
    throw new Fault(error.code, `${error.message}\nWithout a cluster name the topic: ${guess}`, { cause: error })
  }
}

async function ofBroker(name: string, { client, namespace }: Cluster): Promise<TopicAndFilter> {
  const broker = await client.get(kinds.broker, { namespace, name }, untilDone)
  if (broker === null)
    throw new Fault('ApiNotFound', `Broker ${namespace}/${name} does not exist; those that do: millrace get brokers -A`)
  const { annotations } = (broker['status'] ?? {}) as { readonly annotations?: Readonly<Record<string, string>> }
  const topic = annotations?.['default.topic']
  if (topic !== undefined) return { topic, filter: everything }
  throw new Fault(
    'TopicNotFound',
    `Broker ${namespace}/${name} has no topic yet; why: millrace describe broker ${name} -n ${namespace}`,
  )
}

async function ofTrigger({ name }: TailObject, cluster: Cluster): Promise<TopicAndFilter> {
  const { client, namespace } = cluster
  const trigger = await client.get(kinds.trigger, { namespace, name }, untilDone)
  if (trigger === null)
    throw new Fault(
      'ApiNotFound',
      `Trigger ${namespace}/${name} does not exist; those that do: millrace get triggers -A`,
    )
  const { broker = 'default', ...spec } = trigger['spec'] as { readonly broker?: string } & Parameters<
    typeof filterOf
  >[0]
  const { topic } = await ofBroker(broker, cluster)
  return { topic, filter: FilterSpec.parse(filterOf(spec)) }
}
