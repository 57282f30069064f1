import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryRouteSet } from '../../src/contract/memory-routes.ts'
import type { Inlet } from '../../src/contract/inlet.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { createIngress, type Ingress, type IngressParts } from '../../src/data-plane/ingress/ingress.ts'
import type { IngressOptions } from '../../src/data-plane/ingress/options.ts'
import { openEmbeddedLog } from '../../src/kafka/embedded/embedded.ts'
import type { Appended, Appender, Log, LogRecord, NewRecord } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const logger = createLogger('silent')
const host = '127.0.0.1'
/** The required attributes, as headers. */
export const ce = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order' }

export const inletAt = (name: string, topic: string, uid = name): Inlet => ({
  uid,
  generation: 1,
  source: { kind: 'Broker', namespace: 'shop', name },
  path: `/shop/${name}`,
  topic,
})

/** The appender of a real log behind a gate, so that a test decides when it goes on and what breaks. */
export class Gate implements Appender {
  readonly #behind: Appender
  open: Promise<void> = Promise.resolve()
  /** @param n which append it is since the start, from 0. @returns why it fails; null: it goes on. */
  breaks: (n: number) => Error | null = () => null
  waiting = 0
  #count = 0

  constructor(behind: Appender) {
    this.#behind = behind
  }

  get pendingBytes(): number {
    return this.#behind.pendingBytes
  }

  async append(record: NewRecord): Promise<Appended> {
    const n = this.#count++
    this.waiting++
    await this.open
    this.waiting--
    const broken = this.breaks(n)
    if (broken !== null) throw broken
    return this.#behind.append(record)
  }

  close(deadlineMs: number): Promise<void> {
    return this.#behind.close(deadlineMs)
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Who hears of what becomes of events. */
type Ears = Pick<IngressParts, 'lineage' | 'spans'>

/** An ingress on an embedded log, with a Broker `shop/default` on a topic of 100,000 bytes a record. */
export class IngressRig implements AsyncDisposable {
  readonly topic = 'topic'
  readonly inlets = new MemoryRouteSet<Inlet>()
  readonly gate: Gate
  loaded = true
  readonly #log: Log
  readonly #dir: string
  readonly #ears: Ears
  #ingress: Ingress | undefined

  private constructor(log: Log, dir: string, ears: Ears) {
    this.#log = log
    this.#ears = ears
    this.#dir = dir
    this.gate = new Gate(log.appender())
    this.inlets.set(inletAt('default', this.topic))
  }

  static async open(options: Partial<IngressOptions> = {}, ears: Ears = {}): Promise<IngressRig> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-ingress-'))
    const retention = { ms: 1e12, bytes: 1e12 }
    const log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock, logger })
    const rig = new IngressRig(log, dir, ears)
    const config = { 'max.message.bytes': '100000' }
    await log.admin().ensureTopic({ name: rig.topic, partitions: 1, replicationFactor: 1, config })
    rig.#ingress = await rig.another({ port: 0, ...options })
    return rig
  }

  get ingress(): Ingress {
    if (this.#ingress === undefined) throw new Error('not open')
    return this.#ingress
  }

  /** One more ingress on the same log. */
  another(options: Partial<IngressOptions> & { port: number }): Promise<Ingress> {
    const { gate: appender, inlets } = this
    const loaded = (): boolean => this.loaded
    return createIngress({ appender, inlets, logger, clock, options: { host, ...options }, loaded, ...this.#ears })
  }

  send(
    path: string,
    headers: Record<string, string | string[]> = ce,
    body: string | Buffer = '',
    method = 'POST',
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const out = request({ host, port: this.ingress.port, path, method, headers, agent: false }, (res) => {
        let text = ''
        res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }))
      })
      out.on('error', reject).end(body)
    })
  }

  /** All that is in the topic. */
  async records(): Promise<readonly LogRecord[]> {
    const read = await this.#log.reader().read({ topic: this.topic, partition: 0 }, 0n, 10_000_000)
    if (!('records' in read)) throw new Error('the log moved')
    return read.records
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ingress?.close(1_000)
    await this.gate.close(1_000)
    await this.#log.close()
    await rm(this.#dir, { recursive: true, force: true })
  }
}
