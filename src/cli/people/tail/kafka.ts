import { readFileSync } from 'node:fs'
import { systemClock as clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import { Credential } from '../../../contract/credential.ts'
import { fromRecord, NotAnEvent } from '../../../data-plane/wire/record.ts'
import { everything } from '../../../event/filter-spec.ts'
import { openKafkaLog } from '../../../kafka/kafka-log.ts'
import type { Batch, Log, LogRecord, TailHandler, TopicPartition } from '../../../kafka/log.ts'
import type { SecuritySource } from '../../../kafka/security.ts'
import { createLogger } from '../../../telemetry/logger.ts'
import { aborted } from '../../stop.ts'
import { UsageError } from '../../flags.ts'
import type { TailFlags } from './flags.ts'
import { passesAll } from './passes.ts'
import type { Sink } from './sink.ts'
import { topicOf } from './topic.ts'

/** How long Kafka may take to say what there is, milliseconds. */
const patienceMs = 20_000

type Passes = (attributes: ReadonlyMap<string, string>) => boolean

/**
 * Events of a topic, until stopped. Reads by offset, without a group: nothing is committed.
 *
 *     Broker, Trigger ─► topic, filter ─► offsets of now (or --since) ─► tail ─► event? passes? ─► sink
 * @throws Fault, also when the topic does not exist.
 */
export async function tailKafka(flags: TailFlags & { readonly kafka: string }, sink: Sink): Promise<void> {
  const { topic, filter } =
    flags.topic === undefined ? await topicOf(flags) : { topic: flags.topic, filter: everything }
  const passes = passesAll([filter])
  const security = flags.credential === undefined ? {} : { security: credentialIn(flags.credential) }
  const options = { bootstrapServers: flags.kafka, clientId: 'millrace-tail', clock, logger: createLogger('silent') }
  const log = openKafkaLog({ ...options, ...security })
  try {
    const starts = await startsOf(log, topic, flags)
    if (flags.output === 'pretty')
      sink.note(`Following ${topic} (${starts.length} partitions) at ${flags.kafka}; ctrl-C ends it.`)
    await follow(log, starts, sink, passes)
  } finally {
    await log.close()
  }
}

type Start = TopicPartition & { readonly offset: bigint }

async function startsOf(
  log: Log,
  topic: string,
  { since, kafka }: TailFlags & { readonly kafka: string },
): Promise<readonly Start[]> {
  const [admin, reader] = [log.admin(), log.reader()]
  try {
    const [found] = await admin.describeTopics([topic], AbortSignal.timeout(patienceMs))
    if (found === undefined)
      throw new Fault('TopicNotFound', `Kafka at ${kafka} has no topic ${topic}: correct --topic, or --kafka`)
    const all = Array.from({ length: found.partitions }, (_, partition) => ({ topic, partition }))
    if (since > 0) return await reader.offsetsAt(all, clock.now() - since)
    return (await reader.range(all)).map(({ partition, end }) => ({ topic, partition, offset: end }))
  } catch (error) {
    if (error instanceof Fault && error.code === 'LogUnavailable')
      throw new Fault(
        error.code,
        `${error.message}\nIs Kafka at ${kafka}, and can this machine reach each of its brokers? See millrace tail --help`,
      )
    throw error
  } finally {
    await Promise.all([admin.close(), reader.close()])
  }
}

async function follow(log: Log, starts: readonly Start[], sink: Sink, passes: Passes): Promise<void> {
  const reader = log.reader()
  const handler: TailHandler = {
    batch: (batch) => {
      if (takeBatch(batch, sink, passes)) return true
      void sink.ready().then(() => tail.resume(batch))
      return false
    },
    moved: ({ partition }, moved) =>
      sink.note(`Partition ${partition}: ${moved.kind}, going on at offset ${moved.next}.`),
    state: ({ partition }, fault) =>
      sink.note(`Partition ${partition}: ${fault === null ? 'is read again.' : `${fault.message}; trying again.`}`),
  }
  const tail = reader.tail(handler)
  for (const { topic, partition, offset } of starts) tail.add({ topic, partition }, offset)
  await aborted(sink.stop)
  await tail.close()
  await reader.close()
}

function takeBatch({ records, topic, partition }: Batch, sink: Sink, passes: Passes): boolean {
  let flowing = true
  for (const record of records) {
    const event = fromRecord(record)
    const at = { topic, partition, offset: String(record.offset) }
    if (event instanceof NotAnEvent) sink.note(foreign(record, partition, event))
    else if (passes(event.attributes))
      flowing = sink.take({ time: record.timestamp, at, attributes: event.attributes, data: event.data }) && flowing
    if (sink.stop.aborted) return true
  }
  return flowing
}

function foreign({ offset }: LogRecord, partition: number, { reason }: NotAnEvent): string {
  return `Not an event, at ${partition}/${offset}: ${reason}`
}

/** @throws UsageError when the file is none; the system's error when it cannot be read. */
function credentialIn(file: string): SecuritySource {
  const security = parsed(readFileSync(file, 'utf8'), file)
  return { current: () => security, subscribe: () => () => undefined }
}

function parsed(text: string, file: string): Credential {
  try {
    return Credential.parse(JSON.parse(text))
  } catch {
    const example =
      '{"tls": {"ca": "-----BEGIN …"}, "sasl": {"mechanism": "SCRAM-SHA-512", "username": "me", "password": "…"}}'
    throw new UsageError(`--credential ${file} is no credential: write JSON such as ${example}`)
  }
}
