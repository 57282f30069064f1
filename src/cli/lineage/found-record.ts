import type { FoundRecord } from '../../contract/lineage.ts'
import type { RecordConversion } from '../../contract/outlet.ts'
import { fromForeign } from '../../data-plane/wire/foreign-record.ts'
import { fromRecord, NotAnEvent } from '../../data-plane/wire/record.ts'
import type { LogRecord, TopicPartition } from '../../kafka/log.ts'

/**
 * A record without its data: the attributes of its event, and of a record that is none those that it is delivered with.
 * @param conversion of a KafkaSource that reads this topic; null: there is none.
 */
export function foundRecord(record: LogRecord, at: TopicPartition, conversion: RecordConversion | null): FoundRecord {
  const read = fromRecord(record)
  const isNone = read instanceof NotAnEvent
  const event = isNone ? (conversion === null ? null : fromForeign(record, at, conversion)) : read
  const { timestamp } = record
  return {
    place: { topic: at.topic, partition: at.partition, offset: Number(record.offset) },
    // -1: Kafka does not know it
    timestamp: Math.max(0, timestamp),
    attributes: event === null ? null : Object.fromEntries(event.attributes),
    ...(event === null && isNone ? { problem: read.reason } : {}),
    dataBytes: (event === null ? record.value : event.data)?.length ?? 0,
    ...(event?.trace === undefined ? {} : { traceparent: event.trace.traceparent }),
  }
}

/** Whether it is worth reading whole: cheap, and never wrongly false. */
export function mayHaveId(record: LogRecord, at: TopicPartition, id: string): boolean {
  let has = false
  let isStructured = false
  const visit = (name: string, value: string | null): void => {
    if (value === null) return
    if (name === 'ce_id') has = value === id
    else if (name === 'content-type') isStructured = /^\s*application\/cloudevents/i.test(value)
  }
  if (record.eachHeader !== undefined) record.eachHeader(visit)
  else for (const [name, value] of record.headers) visit(name, value?.toString() ?? null)
  return has || isStructured || id === `partition:${at.partition}/offset:${record.offset}`
}
