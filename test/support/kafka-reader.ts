import { afterEach } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Batch, LogReader, LogRecord, OffsetMoved, TailHandler, TopicPartition } from '../../src/kafka/log.ts'
import type { BrokerConnection } from '../../src/kafka/platformatic/broker-connection.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createReader, type ReaderOptions } from '../../src/kafka/platformatic/read/reader.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { foreignClient, type Foreign } from './foreign.ts'
import { kafkaBootstrap, uniqueTopic } from './kafka.ts'

export const common = { clientId: 'reader-suite', clock: systemClock, logger: createLogger('silent') }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What a tail told, by partition. */
export class Listener implements TailHandler {
  readonly batches: Batch[] = []
  readonly moves: (TopicPartition & { moved: OffsetMoved })[] = []
  readonly states: (TopicPartition & { fault: Error | null })[] = []
  /** What the next batches are answered with. */
  ready: (batch: Batch) => boolean = () => true

  batch(batch: Batch): boolean {
    this.batches.push(batch)
    return this.ready(batch)
  }
  moved(at: TopicPartition, moved: OffsetMoved): void {
    this.moves.push({ ...at, moved })
  }
  state(at: TopicPartition, fault: Error | null): void {
    this.states.push({ ...at, fault })
  }
  values(partition = 0): (string | undefined)[] {
    return texts(this.batches.filter((batch) => batch.partition === partition).flatMap((batch) => batch.records))
  }
  offsets(partition = 0): bigint[] {
    const batches = this.batches.filter((batch) => batch.partition === partition)
    return batches.flatMap(({ records }) => records.map(({ offset }) => offset))
  }
  codes(partition = 0): (string | null)[] {
    return this.states.filter((state) => state.partition === partition).map(({ fault }) => codeOf(fault))
  }
  next(partition = 0): bigint | undefined {
    return this.batches.findLast((batch) => batch.partition === partition)?.next
  }
}

/** Counts what goes over the wire. */
export class MeteredCluster extends Cluster {
  readonly #connections: BrokerConnection[] = []
  override async connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<BrokerConnection> {
    const connection = await super.connect(nodeId, options)
    this.#connections.push(connection)
    return connection
  }
  bytes(): number {
    return this.#connections.reduce((sum, { socket }) => sum + socket.bytesRead + socket.bytesWritten, 0)
  }
}

export const codeOf = (fault: Error | null): string | null => (fault instanceof Fault ? fault.code : null)
export const texts = (records: readonly LogRecord[]) => records.map(({ value }) => value?.toString())

export async function foreigner(): Promise<Foreign> {
  const foreign = await foreignClient(kafkaBootstrap())
  closing.push(async () => foreign[Symbol.asyncDispose]())
  return foreign
}

export function openReader(cluster?: Cluster, options: Partial<ReaderOptions> = {}): LogReader {
  const used = cluster ?? new Cluster({ ...common, bootstrapServers: kafkaBootstrap() })
  const reader = createReader(used, { ...common, ...options })
  closing.push(
    () => used.close(),
    () => reader.close(),
  )
  return reader
}

export async function newTopic(
  { admin }: Foreign,
  partitions = 1,
  config: Record<string, string> = {},
): Promise<string> {
  const topic = uniqueTopic()
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] })
  return topic
}

/** Everything from `from` to the end, by single reads. */
export async function drain(
  reader: LogReader,
  at: TopicPartition,
  from = 0n,
): Promise<{ records: LogRecord[]; next: bigint }> {
  const records: LogRecord[] = []
  for (let next = from; ;) {
    const batch = await reader.read(at, next, 100_000)
    if (!('records' in batch)) throw new Error(`moved: ${batch.kind}`)
    records.push(...batch.records)
    if (batch.next === next) return { records, next }
    next = batch.next
  }
}
