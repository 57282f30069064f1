import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outlet } from '../../src/contract/outlet.ts'
import { MemoryRoutes } from '../../src/contract/memory-routes.ts'
import type { OutletReport, PositionVault } from '../../src/contract/route-source.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { createDispatcher } from '../../src/data-plane/dispatcher/dispatcher.ts'
import type { DispatcherOptions } from '../../src/data-plane/dispatcher/options.ts'
import type { Dispatcher, DispatcherParts } from '../../src/data-plane/dispatcher/parts.ts'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import { openEmbeddedLog } from '../../src/kafka/embedded/embedded.ts'
import type {
  Appender,
  Log,
  LogAdmin,
  LogReader,
  LogRecord,
  Membership,
  MembershipHandler,
  Positions,
  TopicPartition,
} from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'

const logger = createLogger(process.argv.includes('--verbose') ? 'debug' : 'silent')

/** A request as the subscriber saw it. */
export interface Got {
  readonly path: string
  readonly id: string
  readonly type: string
  readonly partition: number
  readonly offset: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly at: number
}

/** What the subscriber does with a request: answers it, now or later, or never. */
export type Behaviour = (got: Got, response: ServerResponse) => void

export interface Subscriber extends AsyncDisposable {
  readonly url: string
  readonly got: Got[]
  behave: Behaviour
  /** Requests that are not answered yet. */
  readonly open: number
}

export const answer =
  (status: number, headers: Record<string, string> = {}, body: string | Buffer = ''): Behaviour =>
  (_, response) =>
    void response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)

/** A real HTTP subscriber whose behaviour may change while it runs. */
export async function startSubscriber(behave: Behaviour = answer(200)): Promise<Subscriber> {
  const got: Got[] = []
  let open = 0
  const server = createServer((request, response) => {
    open++
    response.on('close', () => open--)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { headers, rawHeaders } = request
      const one: Got = {
        path: request.url ?? '',
        id: String(headers['ce-id']),
        type: String(headers['ce-type']),
        partition: Number(headers['ce-knativekafkapartition']),
        offset: Number(headers['ce-knativekafkaoffset']),
        headers,
        rawHeaders,
        body: Buffer.concat(chunks),
        at: performance.now(),
      }
      got.push(one)
      subscriber.behave(one, response)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const subscriber = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    behave,
    get open() {
      return open
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return subscriber
}

export class MemoryVault implements PositionVault {
  readonly saved = new Map<string, string>()
  async save(group: string, positions: string): Promise<void> {
    this.saved.set(group, positions)
  }
  async load(group: string): Promise<string | null> {
    return this.saved.get(group) ?? null
  }
  async remove(group: string): Promise<void> {
    this.saved.delete(group)
  }
}

/** One dispatcher process on the log of the rig. */
export interface Runner {
  readonly dispatcher: Dispatcher
  readonly membership: Membership
  readonly reports: OutletReport[]
  readonly routes: MemoryRoutes
  /** @param deadlineMs for what is in flight; default 30,000: a busy machine may take its time to commit. */
  close(deadlineMs?: number): Promise<void>
}

interface Sending {
  readonly from?: number
  readonly type?: string
  readonly partition?: number
  readonly data?: string | Buffer
  readonly extra?: Readonly<Record<string, string>>
  readonly topic?: string
}

/** A log with a topic, and dispatchers on it. */
export class Rig implements AsyncDisposable {
  readonly log: Log
  readonly admin: LogAdmin
  readonly appender: Appender
  readonly positions: Positions
  readonly vault = new MemoryVault()
  readonly topic: string
  readonly partitions: number
  readonly #name: string
  readonly #dispose: () => Promise<void>
  readonly #runners = new Set<Runner>()
  #instances = 0

  constructor(log: Log, name: string, partitions: number, dispose: () => Promise<void>) {
    this.log = log
    this.admin = log.admin()
    this.appender = log.appender()
    this.positions = log.positions()
    this.topic = `topic-${name}`
    this.partitions = partitions
    this.#name = name
    this.#dispose = dispose
  }

  /** Starts a dispatcher that knows these Outlets. */
  run(
    outlets: readonly Outlet[],
    options: Partial<DispatcherOptions> = {},
    instance = `d-${this.#instances++}`,
    other: {
      membership?: (handler: MembershipHandler) => Membership
      reader?: LogReader
      positions?: Positions
      appender?: Appender
      admin?: LogAdmin
      vault?: PositionVault
      hasStarted?: (uid: string) => boolean
    } & Pick<DispatcherParts, 'budget' | 'lineage' | 'spans'> = {},
  ): Runner {
    const { log } = this
    const { admin = this.admin, vault = this.vault } = other
    const appender = other.appender ?? this.appender
    const join = other.membership ?? ((handler) => log.membership({ group: `fleet-${this.#name}`, instance }, handler))
    const routes = new MemoryRoutes()
    for (const outlet of outlets) routes.outlets.set(outlet)
    const reports: OutletReport[] = []
    const reader = other.reader ?? log.reader()
    const positions = other.positions ?? log.positions()
    let membership: Membership | undefined
    const dispatcher = createDispatcher({
      ...{ reader, positions, appender, admin, vault, clock, logger, options },
      membership: (handler) => (membership = join(handler)),
      outlets: routes.outlets,
      reporter: { report: (report) => reports.push(report) },
      ...{ lineage: other.lineage, spans: other.spans },
      ...(other.budget === undefined ? {} : { budget: other.budget }),
      ...(other.hasStarted === undefined ? {} : { hasStarted: other.hasStarted }),
    })
    if (membership === undefined) throw new Error('no membership was asked for')
    const runner: Runner = {
      ...{ dispatcher, membership, reports, routes },
      close: async (deadlineMs = 30_000) => {
        if (!this.#runners.delete(runner)) return
        await dispatcher.close({ deadlineMs, forGood: true })
        await Promise.all([reader.close(), positions.close()])
      },
    }
    this.#runners.add(runner)
    return runner
  }

  outlet(url: string, change: Partial<Outlet> = {}): Outlet {
    const name = change.uid ?? 'a'
    return {
      uid: name,
      generation: 1,
      source: { kind: 'Trigger', namespace: 'shop', name },
      topic: this.topic,
      group: `group-${this.#name}-${name}`,
      start: 'earliest',
      filter: { attributes: {} },
      subscriber: { url: `${url}/${name}` },
      // on a busy machine the subscriber, and we, may take a minute for a window: that shall not look like one that hangs
      delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 600_000 },
      parking: { topic: `parked-${this.#name}`, partitions: 1, replicationFactor: 1 },
      order: 'unordered',
      ...change,
    }
  }

  /** Appends events `from` … `from + count - 1`, to one partition. The id is the number. */
  async send(
    count: number,
    { from = 0, type = 'made', partition = 0, data = 'x', extra = {}, topic = this.topic }: Sending = {},
  ): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => {
      const attributes = new Map([
        ['specversion', '1.0'],
        ['id', String(from + i)],
        ['source', '/test'],
        ['type', type],
        ...Object.entries(extra),
      ])
      return {
        ...toRecord({ attributes, data: typeof data === 'string' ? Buffer.from(data) : data }, topic),
        partition,
      }
    })
    await Promise.all(records.map((record) => this.appender.append(record)))
  }

  async committed(outlet: Outlet, partition = 0): Promise<number | undefined> {
    const at = [{ topic: outlet.topic, partition }]
    const found = (await this.positions.fetch(new Map([[outlet.group, at]]))).get(outlet.group)
    return found?.[0] === undefined ? undefined : Number(found[0].offset)
  }

  async metadata(outlet: Outlet, partition = 0): Promise<string> {
    const at = [{ topic: outlet.topic, partition }]
    return (await this.positions.fetch(new Map([[outlet.group, at]]))).get(outlet.group)?.[0]?.metadata ?? ''
  }

  /** All records of a partition. */
  async records(topic: string, partition = 0): Promise<readonly LogRecord[]> {
    const reader = this.log.reader()
    const batch = await reader.read({ topic, partition }, 0n, 4 * 1024 * 1024)
    await reader.close()
    return 'kind' in batch ? [] : batch.records
  }

  async consuming(runner: Runner, uid = 'a'): Promise<void> {
    await eventually(`${uid} consumes`, () =>
      runner.reports.some((one) => one.uid === uid && one.state === 'consuming'),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nobody asks any more what becomes of what is in flight
    for (const runner of [...this.#runners]) await runner.close(100)
    await this.appender.close(1000)
    await Promise.all([this.positions.close(), this.admin.close()])
    await this.log.close()
    await this.#dispose()
  }
}

/** The fleet, in the hands of the test. */
export class Hand implements Membership {
  alive = true
  readonly handler: MembershipHandler
  readonly owned = new Set<number>()
  readonly #rig: Rig
  constructor(handler: MembershipHandler, rig: Rig) {
    this.handler = handler
    this.#rig = rig
  }
  share(): void {
    if (this.owned.size === 0)
      for (let partition = 0; partition < this.#rig.partitions; partition++) this.give(partition)
  }
  give(partition: number): void {
    this.owned.add(partition)
    this.handler.assigned([{ topic: this.#rig.topic, partition }])
  }
  async take(partition: number, deadlineMs = 300): Promise<void> {
    this.owned.delete(partition)
    await this.handler.revoked([{ topic: this.#rig.topic, partition }], deadlineMs)
  }
  lose(): void {
    const list: TopicPartition[] = [...this.owned].map((partition) => ({ topic: this.#rig.topic, partition }))
    this.owned.clear()
    this.handler.lost(list)
  }
  async close(): Promise<void> {
    for (const partition of this.owned) if (this.alive) await this.take(partition)
  }
}

let rigs = 0

/** A rig on an embedded log of its own. */
export async function embeddedRig(partitions = 1, retainBytes = 1024 ** 3): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-rig-'))
  const retention = { ms: 3600_000, bytes: retainBytes }
  const log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock, logger })
  return withTopic(new Rig(log, `e${rigs++}`, partitions, () => rm(dir, { recursive: true, force: true })))
}

export async function withTopic(rig: Rig): Promise<Rig> {
  await rig.admin.ensureTopic({ name: rig.topic, partitions: rig.partitions, replicationFactor: 1, config: {} })
  return rig
}
