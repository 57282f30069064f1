import { request, type IncomingHttpHeaders } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryRoutes } from '../../src/contract/memory-routes.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import type { DispatcherOptions } from '../../src/data-plane/dispatcher/options.ts'
import { createIngress, type Ingress } from '../../src/data-plane/ingress/ingress.ts'
import type { IngressOptions } from '../../src/data-plane/ingress/options.ts'
import { openEmbeddedLog } from '../../src/kafka/embedded/embedded.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import { partitionForKey } from '../../src/kafka/partition.ts'
import type { Log } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Spans } from '../../src/telemetry/spans.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import {
  answer,
  Rig,
  startSubscriber,
  type Behaviour,
  type Got,
  type Runner,
  type Subscriber,
} from './dispatcher-rig.ts'

const logger = createLogger('silent')
const host = '127.0.0.1'

/** A log to run the rules on, with what cleans up after it. */
export interface OpenLog {
  readonly log: Log
  dispose(): Promise<void>
}

/** The embedded log, in a folder of its own. */
export async function onEmbeddedLog(): Promise<OpenLog> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-rules-'))
  const retention = { ms: 3600_000, bytes: 1024 ** 3 }
  const log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock, logger })
  return { log, dispose: () => rm(dir, { recursive: true, force: true }) }
}

/** The real Kafka of this test run. */
export async function onKafka(): Promise<OpenLog> {
  const log = openKafkaLog({ bootstrapServers: kafkaBootstrap(), clientId: 'test', clock, logger })
  return { log, dispose: async () => {} }
}

/** An HTTP request to the ingress; the body is sent as it is. */
export interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** Its answer. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The body of a problem+json. */
  readonly problem: Readonly<Record<string, unknown>>
}

export interface MillOptions {
  readonly partitions?: number
  /** Kafka configuration of the topic. */
  readonly config?: Readonly<Record<string, string>>
  readonly ingress?: Partial<IngressOptions>
  readonly dispatcher?: Partial<DispatcherOptions>
  readonly outlet?: Partial<Outlet>
  readonly behave?: Behaviour
  /** Who follows events through ingress and dispatcher. */
  readonly spans?: Spans
}

/**
 * The whole data plane in one process, on a log: real HTTP in, the log, real HTTP out.
 *
 *     send ─► ingress at /shop/default ─► topic of the rig ─► dispatcher: one Outlet, all events ─► subscriber
 */
export class Mill implements AsyncDisposable {
  readonly rig: Rig
  readonly ingress: Ingress
  readonly runner: Runner
  readonly subscriber: Subscriber
  readonly outlet: Outlet

  constructor(rig: Rig, ingress: Ingress, runner: Runner, subscriber: Subscriber, outlet: Outlet) {
    this.rig = rig
    this.ingress = ingress
    this.runner = runner
    this.subscriber = subscriber
    this.outlet = outlet
  }

  /** Where events are sent to. */
  get url(): string {
    return `${this.ingress.url}/shop/default`
  }

  send({ method = 'POST', path = '/shop/default', headers = {}, body = '' }: Sent): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const { port } = this.ingress
      const out = request({ host, port, path, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isProblem = response.headers['content-type'] === 'application/problem+json'
          const problem = isProblem ? (JSON.parse(text) as Record<string, unknown>) : {}
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, problem })
        })
      })
      out.on('error', reject).end(body)
    })
  }

  /** The delivery of the event with this id, once it is there. */
  delivered(id: string): Promise<Got> {
    return eventually(`event ${id} is delivered`, () => this.subscriber.got.find((got) => got.id === id))
  }

  /** That none of these was delivered, nor will be: an event sent last to each partition has come, and they have not. */
  async deliversNone(ids: readonly string[]): Promise<void> {
    for (const key of keysOf(this.rig.partitions)) {
      const last = uniqueName('last')
      const attributes = { 'ce-specversion': '1.0', 'ce-id': last, 'ce-source': '/shop', 'ce-type': 'last' }
      const answer = await this.send({ headers: { ...attributes, 'ce-partitionkey': key } })
      if (answer.status !== 202) throw new Error(`the last event was answered ${answer.status}`)
      await this.delivered(last)
    }
    const came = this.subscriber.got.filter(({ id }) => ids.includes(id)).map(({ id }) => id)
    if (came.length > 0) throw new Error(`${came.join(', ')} came`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ingress.close(5_000)
    await this.runner.close()
    await this.rig[Symbol.asyncDispose]()
    await this.subscriber[Symbol.asyncDispose]()
  }
}

/** A key for each partition. */
function keysOf(partitions: number): readonly string[] {
  const keys = Array.from({ length: partitions }, () => '')
  for (let n = 0; keys.includes(''); n++) keys[partitionForKey(Buffer.from(`k${n}`), partitions)] = `k${n}`
  return keys
}

/** Opens the data plane on a log of its own, with a topic, a Broker `shop/default` and one Outlet `a`. */
export async function openMill(open: () => Promise<OpenLog>, options: MillOptions = {}): Promise<Mill> {
  const { log, dispose } = await open()
  const { partitions = 1, config = {} } = options
  const rig = new Rig(log, uniqueName('r'), partitions, dispose)
  await rig.admin.ensureTopic({ name: rig.topic, partitions, replicationFactor: 1, config })
  const { inlets } = new MemoryRoutes()
  const source = { kind: 'Broker', namespace: 'shop', name: 'default' }
  inlets.set({ uid: 'inlet', generation: 1, source, path: '/shop/default', topic: rig.topic })
  const { appender } = rig
  const ingress = await createIngress({
    ...{ appender, inlets, logger, clock, spans: options.spans },
    options: { host, port: 0, ...options.ingress },
  })
  const subscriber = await startSubscriber(options.behave ?? answer(200))
  const outlet = rig.outlet(subscriber.url, options.outlet)
  const runner = rig.run([outlet], options.dispatcher, 'd', { spans: options.spans })
  await rig.consuming(runner, outlet.uid)
  return new Mill(rig, ingress, runner, subscriber, outlet)
}
