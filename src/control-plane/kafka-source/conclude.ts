import { kafkaSourceDependents, type KafkaSourceCondition, type KafkaSourceReason } from '../../api/kafka-source.ts'
import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import type { OutletStatus } from '../../contract/outlet.ts'
import { haltsDelivery } from '../../contract/route-source.ts'
import type { CredentialVerdict } from '../credentials/credentials.ts'
import type { TopicsView } from '../topics/source-topics.ts'
import type { Consumption } from '../trigger/conclude.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import type { CompiledSource } from './compile.ts'

/** The Outlet of one topic, as seen. */
export interface SeenOutlet {
  readonly topic: string
  /** Generation of the Outlet as it shall be; null: it does not stand there yet. */
  readonly generation: number | null
  readonly status: Pick<OutletStatus, 'observedGeneration' | 'state' | 'fault'> | undefined
  /** notOurs: someone else's stands under its name. */
  readonly consumption: Consumption | { readonly kind: 'notOurs'; readonly message: string }
}

/** What is seen of the world around a KafkaSource. */
export interface SourceSeen {
  readonly credential: CredentialVerdict
  readonly topics: TopicsView
  /** What was said of Kafka and of the topics, until Kafka has answered: a new leader is no news. */
  readonly before: readonly KafkaSourceCondition[]
  readonly outlets: readonly SeenOutlet[]
}

/** What was compiled and what is seen → conditions, with Ready. Pure. */
export function concludeSource(source: CompiledSource, seen: SourceSeen): Verdict {
  const kafka = kafkaReady(source, seen)
  const topics = topicsReady(source, seen, kafka)
  const conditions = [...source.conditions, kafka, topics].map((condition): KafkaSourceCondition => {
    if (condition.type !== 'ConsumerGroup' || condition.status === 'False') return condition
    return source.template === null ? condition : consumerGroup(source, seen.outlets)
  })
  return verdictOf(conditions, ready(kafkaSourceDependents, conditions))
}

function kafkaReady({ servers }: CompiledSource, { credential, topics, before }: SourceSeen): KafkaSourceCondition {
  if (credential.kind === 'faulty' && credential.lastGood === undefined)
    return fails('KafkaReady', credential.reason, credential.message)
  const { fault } = topics
  if (fault !== null)
    return fails('KafkaReady', fault.reason, `Kafka at ${servers}: ${sentence(fault.message)} ${advice(fault.reason)}`)
  if (!topics.seen)
    return last('KafkaReady', before) ?? waits('KafkaReady', 'Pending', `Kafka at ${servers} is being asked`)
  // Events flow with what was good before, yet the user should know.
  if (credential.kind === 'faulty')
    return { ...holds('KafkaReady'), reason: credential.reason, message: credential.message }
  return holds('KafkaReady')
}

const again = 'It is tried again until it can'

/** What to do when Kafka does not take us. */
function advice(reason: string): string {
  switch (reason) {
    case 'AuthenticationFailed':
      return 'Correct user, password and type in the Secrets that spec.net names; they are read again by themselves'
    case 'TlsFailed':
      return 'Correct spec.net.tls (caCert: who has signed the certificate of Kafka; cert and key: ours), or name a listener that is as spec.net says; it is tried again by itself'
    case 'NotAuthorized':
      return 'Give the user the rights that docs/kafka-source.md lists; it is tried again by itself'
    case 'CredentialNotFound':
      return 'It comes in a moment'
    default:
      return `Correct spec.bootstrapServers, or see why nothing answers there. ${again}; nothing is lost meanwhile but what retention removes`
  }
}

function topicsReady(
  { asked }: CompiledSource,
  { topics, before }: SourceSeen,
  kafka: KafkaSourceCondition,
): KafkaSourceCondition {
  if (!topics.seen) {
    const told = kafka.status === 'False' ? null : last('TopicsReady', before)
    return told ?? waits('TopicsReady', 'Pending', 'nothing is known of the topics until Kafka has answered')
  }
  const { missing, forbidden, found } = topics
  if (forbidden.length > 0)
    return fails(
      'TopicsReady',
      'NotAuthorized',
      `${listed(forbidden)} may not be read: give the user READ and DESCRIBE there (docs/kafka-source.md); it goes on by itself then`,
    )
  if (missing.length > 0) {
    const rest = found.size === 0 ? '' : `; ${listed([...found.keys()])} is read`
    return fails(
      'TopicsReady',
      'TopicNotFound',
      `${listed(missing)} does not exist: create it, or correct spec.topics; it is read from its first record as soon as it is there${rest}`,
    )
  }
  if (found.size > 0) return holds('TopicsReady')
  const pattern = asked.kind === 'pattern' ? asked.parts.join(', ') : ''
  return fails(
    'TopicsReady',
    'TopicsEmpty',
    `no topic is called ${pattern}: one that is created is read as soon as it is there, from its first record; topics of Brokers and those that begin with "__" are left out`,
  )
}

/** First what says that nothing is delivered, then what is still on its way, then what is merely worth knowing. */
function consumerGroup(source: CompiledSource, outlets: readonly SeenOutlet[]): KafkaSourceCondition {
  const { namespace, name } = source.key
  if (source.paused === 'annotation')
    return fails(
      'ConsumerGroup',
      'Paused',
      `paused by an annotation, positions are kept; to go on: kubectl annotate kafkasource ${name} -n ${namespace} sources.millrace.dev/paused-`,
    )
  if (source.paused === 'consumers')
    return fails(
      'ConsumerGroup',
      'Paused',
      `spec.consumers is 0, positions are kept; to go on: kubectl scale kafkasource ${name} -n ${namespace} --replicas=1`,
    )
  if (outlets.length === 0) return waits('ConsumerGroup', 'Pending', 'waits for its topics')
  for (const { consumption } of outlets) {
    if (consumption.kind === 'notOurs') return fails('ConsumerGroup', 'NotOurs', consumption.message)
    if (consumption.kind === 'nobody') return fails('ConsumerGroup', 'DispatcherNotConsuming', consumption.message)
  }
  const faults = outlets.filter(({ status }) => status?.fault !== undefined)
  const halted = faults.filter(({ status }) => haltsDelivery(status?.fault?.reason ?? ''))
  if (halted.length > 0) return { ...fails('ConsumerGroup', 'Pending', ''), ...told(halted, outlets.length) }
  const begun = outlets.every(
    ({ generation, status }) =>
      generation !== null &&
      status !== undefined &&
      status.observedGeneration >= generation &&
      status.state === 'consuming',
  )
  if (!begun) return waits('ConsumerGroup', 'Starting', 'the dispatcher has not yet taken up this version')
  for (const { consumption } of outlets)
    if (consumption.kind === 'unowned') return waits('ConsumerGroup', 'PartitionsUnowned', consumption.message)
  return { ...holds('ConsumerGroup'), ...(faults.length === 0 ? {} : told(faults, outlets.length)) }
}

/** The first of several, with the topic where there are several. */
function told(faulty: readonly SeenOutlet[], all: number): Pick<KafkaSourceCondition, 'reason' | 'message'> {
  const [first] = faulty
  const { reason = '', message = '' } = first?.status?.fault ?? {}
  const more = faulty.length === 1 ? '' : ` (and ${faulty.length - 1} more)`
  const about = all === 1 ? '' : `topic ${first?.topic}${more}: `
  return { reason: reason as KafkaSourceReason, message: about + message }
}

function last(
  type: 'KafkaReady' | 'TopicsReady',
  before: readonly KafkaSourceCondition[],
): KafkaSourceCondition | undefined {
  return before.find((condition) => condition.type === type && condition.status === 'True')
}

/** `topic a`, `topics a, b`; of very many the first. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ')
  const more = names.length > 10 ? ` and ${names.length - 10} more` : ''
  return `${names.length === 1 ? 'topic' : 'topics'} ${shown}${more}`
}

function sentence(text: string): string {
  return text.replace(/\.?$/, '.')
}
