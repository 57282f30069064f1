import { randomBytes } from 'node:crypto'
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../src/core/clock.ts'
import type { Inlet } from '../../src/contract/inlet.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { attributes, dataBytes, monotonicMs, stamp } from './event.ts'
import { startChild, type Child } from '../../test/support/child.ts'

/** What the image runs: compiled, without the memory that stripping types takes. `make bench` builds it. */
const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js')
/** The flags of the image's entry point (Dockerfile): a small young generation keeps an idle worker small. */
const nodeFlags = ['--max-semi-space-size=4']
const baselines = join(import.meta.dirname, '..', 'baseline')

/** What all benches share: a Kafka, topics of their own, our workers and the baselines as processes. */
export class Scene {
  readonly kafka: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))

  constructor(kafka: string) {
    this.kafka = kafka
  }

  name(prefix: string): string {
    return `${prefix}-${randomBytes(4).toString('hex')}`
  }

  /** A folder of its own. */
  folder(): string {
    return join(this.#folder, this.name('data'))
  }

  async topic(partitions: number, replicationFactor = 1): Promise<string> {
    const name = this.name('bench')
    const log = this.#log()
    const admin = log.admin()
    await admin.ensureTopic({
      name,
      partitions,
      replicationFactor,
      config: replicationFactor > 1 ? { 'min.insync.replicas': '2' } : {},
    })
    await admin.close()
    await log.close()
    return name
  }

  /** Appends `events` events to a topic, spread over its partitions. @param keys of how many keys a partition they are; 0: they have none. */
  async fill(
    topic: string,
    partitions: number,
    events: number,
    extra: Readonly<Record<string, string>> = {},
    keys = 0,
  ): Promise<void> {
    const log = this.#log()
    const appender = log.appender()
    const value = Buffer.from(JSON.stringify({ note: 'x'.repeat(dataBytes - '{"note":""}'.length) }))
    const shared = attributes(extra).map(([name, text]) => [`ce_${name}`, Buffer.from(text)] as const)
    const contentType = ['content-type', Buffer.from('application/json')] as const
    const atOnce = 2_000
    for (let sent = 0; sent < events; sent += atOnce) {
      const batch = Array.from({ length: Math.min(atOnce, events - sent) }, (_, i) => {
        const id = ['ce_id', Buffer.from(stamp(monotonicMs()))] as const
        return appender.append({
          topic,
          partition: (sent + i) % partitions,
          key: keys === 0 ? null : Buffer.from(`order-${Math.floor((sent + i) / partitions) % keys}`),
          value,
          headers: [...shared, contentType, id],
        })
      })
      await Promise.all(batch)
    }
    await appender.close(10_000)
    await log.close()
  }

  routes(routes: { inlets?: readonly Inlet[]; outlets?: readonly Outlet[] }): string {
    const file = join(this.#folder, `${this.name('routes')}.json`)
    this.replaceRoutes(file, routes)
    return file
  }

  replaceRoutes(file: string, routes: { inlets?: readonly Inlet[]; outlets?: readonly Outlet[] }): void {
    writeFileSync(`${file}.new`, JSON.stringify(routes))
    renameSync(`${file}.new`, file)
  }

  inlet(topic: string): Inlet {
    return {
      uid: topic,
      generation: 1,
      source: { kind: 'Broker', namespace: 'bench', name: 'default' },
      path: '/bench/default',
      topic,
    }
  }

  outlet(topic: string, url: string, more: Partial<Outlet> = {}): Outlet {
    const uid = this.name('outlet')
    return {
      uid,
      generation: 1,
      source: { kind: 'Trigger', namespace: 'bench', name: uid },
      topic,
      group: `knative-trigger-bench-${uid}`,
      start: 'earliest',
      filter: { attributes: {} },
      subscriber: { url },
      delivery: { retry: 0, backoffPolicy: 'exponential', backoffDelayMs: 200, timeoutMs: 60_000 },
      parking: { topic: `${topic}__parked`, partitions: 1, replicationFactor: 1 },
      order: 'unordered',
      ...more,
    }
  }

  /** @param more further flags. */
  async ingress(
    routesFile: string,
    kafka = this.kafka,
    more: readonly string[] = [],
  ): Promise<{ child: Child; url: string }> {
    const args = ['ingress', '--routes', routesFile, '--kafka', kafka, '--port', '0', ...more]
    return listening(startChild(main, args, nodeFlags))
  }

  async baselineIngress(topic: string, partitions: number, kafka = this.kafka): Promise<{ child: Child; url: string }> {
    return listening(startChild(join(baselines, 'ingress.ts'), [kafka, topic, String(partitions)]))
  }

  /** @param more further flags. */
  dispatcher(routesFile: string, more: readonly string[] = []): Child {
    const group = this.name('fleet')
    const args = ['--routes', routesFile, '--kafka', this.kafka, '--group', group, '--data', this.#folder, ...more]
    return startChild(main, ['dispatcher', '--instance', 'bench', ...args], nodeFlags)
  }

  baselineDispatcher(topic: string, url: string): Child {
    return startChild(join(baselines, 'deliver.ts'), [this.kafka, topic, url])
  }

  #log() {
    return openKafkaLog({ bootstrapServers: this.kafka, clientId: 'bench', clock, logger: createLogger('error') })
  }
}

async function listening(child: Child): Promise<{ child: Child; url: string }> {
  const url = (await child.line('ingress ')).slice('ingress '.length)
  return { child, url: `${url}/bench/default` }
}
