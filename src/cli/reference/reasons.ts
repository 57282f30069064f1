import { brokerDependents } from '../../api/broker.ts'
import { kafkaSourceDependents } from '../../api/kafka-source.ts'
import { sinkBindingDependents } from '../../api/sink-binding.ts'
import { triggerDependents } from '../../api/trigger.ts'
import { adviceFor } from '../people/describe/advice.ts'
import { meaningOf } from '../people/describe/meaning.ts'
import { code, codes, page, table } from './markdown.ts'
import {
  brokerReasons,
  kafkaSourceReasons,
  outletReasons,
  sinkBindingReasons,
  triggerReasons,
  type ReasonWords,
} from './reason-words.ts'

/** Reasons of Events that are no reason of a condition. The text says what an Event of it means. */
const eventReasons: Readonly<Record<string, readonly [on: string, means: string]>> = {
  Ready: ['Broker, Trigger, SinkBinding, KafkaSource', 'It has become Ready.'],
  BrokerCreated: ['Broker', 'It was made because its namespace asks for one.'],
  ConfigNotice: ['Broker', 'Something about its ConfigMap that is no mistake, and worth a word.'],
  TopicLeftBehind: ['Broker', 'It was deleted with force; its topics are still in Kafka.'],
  GroupLeftBehind: ['Trigger, KafkaSource', 'It was deleted while Kafka was away; its group is still there.'],
  DeadLettered: [
    'Trigger, KafkaSource',
    'The dead letter sink took events; the message names the last one and says why.',
  ],
  Parked: ['Trigger', 'Events were parked; the message names the last one and says why.'],
  Dropped: ['Trigger, KafkaSource', 'Events were dropped, as `onExhausted: Drop` asks.'],
  Expired: ['Trigger, KafkaSource', 'The retention of the topic removed events before they were delivered.'],
  SelectorInvalid: ['ConfigMap `config-sugar`', 'Its selector is none: no namespace gets a Broker by it.'],
  SettingsInvalid: ['ConfigMap `config-millrace`', 'A setting is wrong; the last good ones stay in force.'],
  TracingInvalid: [
    'ConfigMap `config-observability`',
    'What it says of traces cannot be used; the last good one stays in force.',
  ],
  TracingOutdated: [
    'ConfigMap `config-tracing`',
    'It is of an older Knative and not read: the message says what to write instead.',
  ],
  LineageToken: [
    'ConfigMap `config-millrace`',
    'The token of lineage could not be made: `millrace trace` cannot ask the workers.',
  ],
  NotOurs: ['ConfigMap `config-millrace`', 'An object of another owner stands where a worker should be.'],
  Refused: ['ConfigMap `config-millrace`', 'The API server does not take a worker.'],
}

/** Their names, for who compares them with the code. */
export const eventReasonNames: readonly string[] = Object.keys(eventReasons)

/** Reasons with which a condition is Unknown: nobody knows yet. */
const unknown = new Set(['Pending', 'Starting', 'PartitionsUnowned', 'IngressNotListening'])

/** docs/reference/reasons.md */
export function reasonsPage(): string {
  return page(
    '# Conditions and reasons',
    'What `status.conditions` says. `Ready` sums the others up: False as soon as one is, with its reason and message; the order below decides whose. `NotYetKnown`: nothing was said yet. Reasons are a closed vocabulary; messages are sentences for people and may change.',
    '*status* is that of the condition: False, nothing flows until it is mended; Unknown, it is on its way; True, events flow, and there is something to know. All of them pass by themselves when their cause does.',
    ...kindParts('Broker', brokerDependents, brokerReasons),
    ...kindParts('Trigger', triggerDependents, triggerReasons),
    ...kindParts('SinkBinding', sinkBindingDependents, sinkBindingReasons),
    ...kindParts('KafkaSource', kafkaSourceDependents, kafkaSourceReasons),
    '## Outlet',
    '`status.fault.reason`: what a dispatcher says. It becomes a reason of the Trigger or KafkaSource.',
    table(
      ['reason', 'what it means', 'what to do'],
      Object.entries(outletReasons).map(([reason, means]) => [code(reason), means, adviceOf(reason, 'Trigger')]),
    ),
    '## Events',
    '`kubectl describe` shows Events beside the status. A change of Ready is told as an Event with the reason of Ready, of type Warning when it is for the worse. Besides these there are:',
    table(
      ['reason', 'on', 'what it means'],
      Object.entries(eventReasons).map(([reason, [on, means]]) => [code(reason), on, means]),
    ),
  )
}

function kindParts(
  kind: string,
  dependents: readonly string[],
  reasons: Readonly<Record<string, ReasonWords<string>>>,
): readonly string[] {
  return [
    `## ${kind}`,
    table(
      ['condition', 'holds when'],
      dependents.map((type) => [code(type), meaningOf(type)]),
    ),
    table(
      ['reason', 'of', 'status', 'what it means', 'what to do'],
      Object.entries(reasons).map(([reason, words]) => [
        code(reason),
        codes(words.of),
        statusOf(reason, words),
        words.means,
        adviceOf(reason, kind),
      ]),
    ),
  ]
}

function statusOf(reason: string, { holds }: ReasonWords<string>): string {
  if (holds === 'always') return 'True'
  if (holds === 'too') return 'False, or True: what was good before is in force'
  return unknown.has(reason) ? 'Unknown' : 'False'
}

const adviceOf = (reason: string, kind: string): string =>
  adviceFor(reason, {
    ...{ kind, namespace: 'NAMESPACE', name: 'NAME', systemNamespace: 'knative-eventing', broker: 'BROKER' },
  })
