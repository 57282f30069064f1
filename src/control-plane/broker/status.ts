import type { StoredObject } from '../../kube/client.ts'
import type { DesiredStatus } from '../../kube/reconciler.ts'
import { clusterAnnotations } from '../kafka-cluster.ts'
import { parkingTopic } from '../names.ts'
import { statusOf as statusOfObject } from '../status-of.ts'
import { isUsable, type TopicNote, type TopicState } from '../topics/state.ts'
import type { Verdict } from '../verdict.ts'
import type { CompiledBroker } from './compile.ts'
import { inUse, type ObservedBroker } from './observe.ts'

/** Until Kafka was asked for the first time, what was said of a topic that was in use still counts: a new leader is no news. */
export function lastTopicState(object: StoredObject, inUse: boolean): TopicState | undefined {
  const last = statusOfObject(object).conditions?.find(({ type }) => type === 'TopicReady')
  if (!inUse || last?.status !== 'True') return undefined
  if (last.reason === undefined || last.reason === '') return 'ready'
  return { usable: true, reason: last.reason as TopicNote['reason'], message: last.message ?? '' }
}

/** With what else is to be said of a topic that is in order. */
export function topicState(
  state: TopicState | undefined,
  seen: ObservedBroker,
  external: boolean,
): TopicState | undefined {
  const asked = seen.broker?.metadata.annotations?.['kafka.eventing.knative.dev/external.topic']
  if (state !== 'ready' || asked === seen.topic.name || (asked === undefined && !external)) return state
  const wants = asked === undefined ? 'the annotation that named it is gone' : `the annotation names ${asked}`
  const message = `topic ${seen.topic.name} stays in use, although ${wants}: a Broker keeps its topic. To change it, delete the Broker and make it anew`
  return { usable: true, reason: 'TopicKept', message }
}

/** What is written of a Broker that is served. */
export function statusOf(
  { annotations, config }: ObservedBroker,
  { address, inlet, topic, cluster, delivery }: CompiledBroker,
  { conditions }: Verdict,
  state: TopicState | undefined,
): DesiredStatus {
  const { name, partitions, replicationFactor } = topic.spec
  const { [inUse.credential]: credential, [inUse.secret]: before, ...kept } = annotations
  const secret = config.secret?.name ?? (cluster?.credential === credential ? before : undefined)
  // Only what was seen to be there is written down: it is what stays, and what is deleted in the end. The topic of parked events is made on
  // first use: its name is told before, for who looks for them.
  const current =
    isUsable(state) && cluster !== undefined
      ? {
          ...clusterAnnotations(cluster),
          [inUse.topic]: name,
          [inUse.partitions]: String(partitions),
          [inUse.replicationFactor]: String(replicationFactor),
          [inUse.deadLetterTopic]: parkingTopic(name),
          ...(secret === undefined ? {} : { [inUse.secret]: secret }),
        }
      : undefined
  const all = current === undefined ? annotations : { ...kept, ...current }
  const deadLetterSinkUri = delivery.delivery?.deadLetter?.url
  return {
    conditions,
    ...(inlet === null ? {} : { address: { name: 'http', url: address } }),
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}
