import type { Paint } from '../output/paint.ts'
import { plainLine } from '../output/plain-text.ts'
import type { BrokerNode, End, SourceNode, State, Topology, TriggerNode } from './topology.ts'

/** A line, and what hangs below it. */
interface Branch {
  readonly line: string
  readonly below: readonly Branch[]
}

/**
 *     Broker shop/default  Ready  http://…
 *     ├─ from Deployment shop (SinkBinding shop-to-default)  Ready
 *     └─ Trigger orders  type=order.created  Ready  3 waiting, 4.2/s
 *        ├─ to Service shop/orders  http://…
 *        └─ dead letters to Service shop/lost  http://…
 */
export function textOf({ brokers, sources, note }: Topology, paint: Paint): string {
  const roots = [
    ...brokers.map((broker) => brokerBranch(broker, paint)),
    ...sources.map((source) => sourceBranch(source, paint)),
  ]
  const blocks = roots.map((root) => [root.line, ...linesBelow(root.below)].join('\n'))
  if (roots.length === 0)
    blocks.push('There are no Brokers, Triggers, SinkBindings or KafkaSources here. Other namespaces: -A')
  return [...blocks, ...(note === undefined ? [] : [paint.quiet(`(${note})`)])].join('\n\n')
}

function linesBelow(branches: readonly Branch[]): readonly string[] {
  return branches.flatMap(({ line, below }, at) => {
    const last = at === branches.length - 1
    return [`${last ? '└─' : '├─'} ${line}`, ...linesBelow(below).map((deeper) => `${last ? '   ' : '│  '}${deeper}`)]
  })
}

function brokerBranch(broker: BrokerNode, paint: Paint): Branch {
  const { namespace, name, exists, url, sources, triggers, deadLetterSink } = broker
  const state = exists ? stateText(broker, paint) : paint.bad('does not exist')
  return {
    line: joined(paint.strong(`Broker ${namespace}/${name}`), state, paint.quiet(url ?? '')),
    below: [
      ...sources.map((source) => incoming(source, paint)),
      ...triggers.map((trigger) => triggerBranch(trigger, paint)),
      ...deadLetterBranch(deadLetterSink, paint),
    ],
  }
}

function incoming(source: SourceNode, paint: Paint): Branch {
  const { kind, namespace, name, from } = source
  const who = from.length === 0 ? 'nothing yet' : from.map(plainLine).join(', ')
  return {
    line: joined(`from ${who} (${kind} ${namespace}/${name})`, stateText(source, paint), flow(source)),
    below: [],
  }
}

function triggerBranch(trigger: TriggerNode, paint: Paint): Branch {
  const { name, filter, subscriber, deadLetterSink } = trigger
  return {
    line: joined(
      `Trigger ${name}`,
      filter === null ? 'all events' : plainLine(filter),
      // what its Broker says stands above
      stateText(trigger.reason === 'BrokerNotReady' ? { ...trigger, message: null } : trigger, paint),
      flow(trigger),
    ),
    below: [{ line: `to ${endText(subscriber, paint)}`, below: [] }, ...deadLetterBranch(deadLetterSink, paint)],
  }
}

function sourceBranch(source: SourceNode, paint: Paint): Branch {
  const { kind, namespace, name, from, to } = source
  const branches = from.map((each) => ({ line: `from ${plainLine(each)}`, below: [] }))
  return {
    line: joined(paint.strong(`${kind} ${namespace}/${name}`), stateText(source, paint), flow(source)),
    below: [...branches, { line: `to ${endText(to, paint)}`, below: [] }],
  }
}

function deadLetterBranch(sink: End | undefined, paint: Paint): readonly Branch[] {
  return sink === undefined ? [] : [{ line: `dead letters to ${endText(sink, paint)}`, below: [] }]
}

function endText({ object, url }: End, paint: Paint): string {
  if (object === null) return plainLine(url ?? 'nowhere')
  return joined(plainLine(object), paint.quiet(plainLine(url ?? '')))
}

function stateText({ ready, reason, message }: State, paint: Paint): string {
  if (ready === null) return ''
  if (ready === 'True') return paint.good('Ready')
  const why = [reason ?? '', message ?? ''].filter((part) => part !== '').join(': ')
  const said = why === '' ? 'nothing said of it yet' : plainLine(why)
  return ready === 'False' ? paint.bad(`not Ready: ${said}`) : paint.unsure(`not Ready yet: ${said}`)
}

/** How many wait, and how many get through a second. */
function flow({ lag, rate = 0 }: Pick<TriggerNode, 'lag' | 'rate'>): string {
  const waiting = lag === undefined ? [] : [`${lag} waiting`]
  return [...waiting, ...(rate > 0 ? [`${rate}/s`] : [])].join(', ')
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('  ')
}
