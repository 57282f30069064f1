import { ProgressStatus } from '../../api/meta/progress.ts'
import type { ObjectKey } from '../../api/problem.ts'
import type { NodeState, Topology, TopologyNode } from '../../viewer/topology.ts'
import {
  topologyOf,
  type BrokerNode,
  type End,
  type Seen,
  type SourceNode,
  type State,
  type TriggerNode,
} from '../people/tree/topology.ts'
import { Picture } from './picture.ts'

/** Objects of a cluster → the picture of the page. What they come to is read as `millrace tree` reads it. Pure. */
export function clusterPicture(objects: readonly Seen[]): Topology {
  const { brokers, sources } = topologyOf(objects, new Map())
  const drawing = new Drawing(objects)
  for (const broker of brokers) drawing.broker(broker)
  for (const broker of brokers) {
    for (const trigger of broker.triggers) drawing.trigger(idOf({ kind: 'Broker', ...broker }), trigger)
    drawing.deadLetters(idOf({ kind: 'Broker', ...broker }), broker.deadLetterSink)
    for (const source of broker.sources) drawing.source(source)
  }
  for (const source of sources) drawing.source(source)
  return drawing.picture.toJSON()
}

const idOf = ({ kind, namespace, name }: ObjectKey): string => `${kind} ${namespace}/${name}`

class Drawing {
  readonly picture = new Picture()
  readonly #progress: ReadonlyMap<string, ProgressStatus>

  constructor(objects: readonly Seen[]) {
    this.#progress = new Map(objects.map((object) => [idOf(object), progressOf(object)]))
  }

  broker({ namespace, name, exists, url, ...state }: BrokerNode): void {
    const key = { kind: 'Broker', namespace, name }
    const address = url === null ? {} : { detail: url, url }
    const missing = { state: 'failed', reason: 'Missing', message: 'there is no such Broker' } as const
    this.picture.node({ id: idOf(key), role: 'broker', ...key, ...address, ...(exists ? stateOf(state) : missing) })
  }

  trigger(broker: string, { namespace, name, filter, subscriber, deadLetterSink, ...state }: TriggerNode): void {
    const key = { kind: 'Trigger', namespace, name }
    const id = idOf(key)
    const progress = this.#progress.get(id) ?? {}
    const detail = filter ?? 'every event'
    this.picture.node({ id, role: 'trigger', ...key, detail, ...stateOf(state), ...figuresOf(progress) })
    this.picture.edge(broker, id, 'subscribe')
    const to = this.#end(subscriber, progress.rate)
    if (to !== null) this.picture.edge(id, to, 'deliver')
    const { replied = 0 } = progress
    if (to !== null && replied > 0) this.picture.edge(to, broker, 'reply', replied)
    this.deadLetters(id, deadLetterSink, progress.undelivered?.deadLettered ?? 0)
  }

  deadLetters(from: string, sink: End | undefined, taken?: number): void {
    const to = sink === undefined ? null : this.#end(sink, undefined)
    if (to !== null) this.picture.edge(from, to, 'deadletter', taken)
  }

  /** A KafkaSource is drawn itself; of a SinkBinding those that it binds. */
  source({ kind, namespace, name, from, to, ...state }: SourceNode): void {
    const self = { kind, namespace, name }
    const progress = this.#progress.get(idOf(self)) ?? {}
    const binds = kind === 'SinkBinding'
    const senders = binds ? from.map((each) => keyIn(each, namespace)) : [self]
    const end = this.#end(to, progress.rate)
    for (const key of senders) {
      const detail = binds ? `bound by ${name}` : from.join(', ')
      this.picture.node({ id: idOf(key), role: 'source', ...key, detail, ...stateOf(state), ...figuresOf(progress) })
      if (end !== null) this.picture.edge(idOf(key), end, 'send')
    }
  }

  /** Null: it leads nowhere yet. */
  #end({ object, url }: End, rate: number | undefined): string | null {
    const called = object === null ? undefined : keyIn(object, '')
    if (called !== undefined && this.picture.has(idOf(called))) return idOf(called)
    if (url !== null) return this.picture.receiver(url, called, { rate })
    if (called === undefined) return null
    this.picture.node({ id: idOf(called), role: 'subscriber', ...called, state: 'unknown' })
    return idOf(called)
  }
}

/** `Service shop/orders`, `Deployment orders`. */
function keyIn(text: string, namespace: string): ObjectKey {
  const space = text.indexOf(' ')
  const [kind, rest] = [text.slice(0, space), text.slice(space + 1)]
  const slash = rest.indexOf('/')
  return { kind, namespace: slash < 0 ? namespace : rest.slice(0, slash), name: rest.slice(slash + 1) }
}

/** It may be of another version, so nothing is taken for granted. */
function progressOf({ status }: Seen): ProgressStatus {
  const read = ProgressStatus.safeParse(status)
  return read.success ? read.data : {}
}

function figuresOf({ lag, rate, lastError, undelivered }: ProgressStatus): Partial<TopologyNode> {
  return {
    ...(lag === undefined ? {} : { lag }),
    ...(rate === undefined ? {} : { rate }),
    ...(lastError === undefined ? {} : { lastError: lastError.message }),
    ...(undelivered?.parked === undefined ? {} : { parked: undelivered.parked }),
  }
}

const states: Readonly<Record<'True' | 'False' | 'Unknown', NodeState>> = {
  True: 'ready',
  False: 'failed',
  Unknown: 'waiting',
}

function stateOf({ ready, reason, message }: State): Pick<TopologyNode, 'state' | 'reason' | 'message'> {
  const state = states[ready ?? 'Unknown']
  if (state === 'ready') return { state }
  return { state, reason: reason ?? 'New', message: message ?? 'nothing is said of it yet' }
}
