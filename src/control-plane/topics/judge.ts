import { externalTopicAnnotation } from '../../api/broker.ts'
import type { TopicDescription } from '../../kafka/log.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import type { TopicFault, TopicNote, TopicState } from './state.ts'

/** What a keeper remembers of a topic between two looks. */
export interface TopicMemory {
  /** As it last was; undefined: it was never seen. */
  readonly last: Pick<TopicDescription, 'id' | 'partitions'> | undefined
  /** Someone has used it before, in an earlier life of this process. */
  readonly established: boolean
  /** When it was seen to be gone; undefined: it is not. */
  readonly goneSince: string | undefined
  /** When it came back empty, and through whom. */
  readonly recreated: { readonly at: string; readonly by: 'us' | 'others' } | undefined
}

/** What a look at the log comes to for one topic, and what to do. */
export type TopicJudgement =
  | { readonly do: 'nothing'; readonly state: TopicState; readonly memory: TopicMemory }
  | { readonly do: 'create'; readonly memory: TopicMemory }

export const unseen: TopicMemory = { last: undefined, established: false, goneSince: undefined, recreated: undefined }

/**
 *     there                            ready; TopicDiffers, TopicRecreated: ready, and the user is told
 *           ── we may not write ─────► NotAuthorized: no event would be accepted
 *     not there ── external ─────────► TopicNotFound, until someone makes it
 *               ── never was ────────► made
 *               ── was: first look ──► TopicNotFound: its events are lost, and that is said before anything is made
 *               ── was: next look ───► made again, empty: TopicRecreated from then on
 *
 * Pure. A topic that vanished is made again because its events are lost either way: without it those that come would be refused too. The look in
 * between keeps an answer of a Kafka broker that does not know its topics yet from counting as a loss.
 */
export function judgeTopic(
  { spec, external }: BrokerTopic,
  present: TopicDescription | undefined,
  memory: TopicMemory,
  now: string,
): TopicJudgement {
  if (present !== undefined) return judgePresent({ spec, external }, present, memory, now)
  if (external) {
    const advice = `create it, or remove the annotation ${externalTopicAnnotation} and make the Broker anew`
    const state = notFound(`topic ${spec.name} does not exist: ${advice}`)
    return { do: 'nothing', state, memory: { ...memory, goneSince: memory.last === undefined ? undefined : now } }
  }
  const wasThere = memory.last !== undefined || memory.established
  if (!wasThere || memory.goneSince !== undefined) return { do: 'create', memory }
  const message = `topic ${spec.name} is gone, with the events that were not delivered yet: someone deleted it, or this is another Kafka. It is made again in a moment`
  return { do: 'nothing', state: notFound(message), memory: { ...memory, goneSince: now } }
}

function judgePresent(
  { spec, external }: BrokerTopic,
  { id, partitions, mayWrite }: TopicDescription,
  memory: TopicMemory,
  now: string,
): TopicJudgement {
  // A Kafka that is too old to give topics an id gives ''.
  const replaced = memory.last !== undefined && memory.last.id !== '' && id !== '' && memory.last.id !== id
  const recreated = replaced ? { at: now, by: 'others' as const } : memory.recreated
  const next = { last: { id, partitions }, established: true, goneSince: undefined, recreated }
  const differs = !external && partitions !== spec.partitions
  const usable = recreated !== undefined ? madeAgain(spec.name, recreated) : differs ? other(spec, partitions) : 'ready'
  return { do: 'nothing', state: mayWrite === false ? notToBeWritten(spec) : usable, memory: next }
}

/** What is known after we made it. */
export function afterCreation(memory: TopicMemory, made: boolean, now: string): TopicMemory {
  const again = made && memory.goneSince !== undefined
  const recreated = again ? { at: now, by: 'us' as const } : memory.recreated
  return { ...memory, last: undefined, established: true, goneSince: undefined, recreated }
}

function notToBeWritten({ name }: BrokerTopic['spec']): TopicFault {
  const message = `topic ${name} is there, and the Kafka user may not write to it (it lacks the ACL operation Write): senders get 503 until it may`
  return { reason: 'NotAuthorized', message }
}

function notFound(message: string): TopicFault {
  return { reason: 'TopicNotFound', message }
}

function madeAgain(name: string, { at, by }: { readonly at: string; readonly by: 'us' | 'others' }): TopicNote {
  const how = by === 'us' ? 'was gone and was made again, empty,' : 'was deleted and made again by someone'
  const message = `topic ${name} ${how} at ${at}: events that were not delivered before are lost`
  return { usable: true, reason: 'TopicRecreated', message }
}

function other({ name, partitions: wanted }: BrokerTopic['spec'], partitions: number): TopicNote {
  const message = `topic ${name} has ${partitions} partitions, not ${wanted} as configured: an existing topic is used as it is`
  return { usable: true, reason: 'TopicDiffers', message }
}
