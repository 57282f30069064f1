import type { TopicPartition, TopicSpec } from '../log.ts'

/** What an embedded log keeps at most. */
export interface Retention {
  /** Bytes of all records together. */
  readonly bytes: number
  /** Milliseconds after which a record may go. A topic's `retention.ms` can only shorten it. */
  readonly ms: number
}

/** A run of records of one partition in a table of its own, so that retention drops it at once. */
export interface Segment {
  readonly id: number
  /** Offset of its first record. */
  readonly first: number
  /** When it was begun and when its newest record was appended, milliseconds since 1970. */
  readonly opened: number
  newest: number
  bytes: number
}

/** One partition: a list of segments in order of offset; only the last one grows. */
export interface Partition {
  readonly topic: Topic
  readonly index: number
  segments: Segment[]
  /** The offset that the next record gets. */
  next: number
}

/** A topic as it is in memory; the tables `topic` and `segment` say the same. */
export interface Topic {
  readonly name: string
  /** Changes when the topic is deleted and made again. */
  readonly id: string
  readonly config: Readonly<Record<string, string>>
  readonly partitions: readonly Partition[]
}

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
const NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/

export function newTopic(name: string, id: string, partitions: number, config: Topic['config']): Topic {
  const list: Partition[] = []
  const topic: Topic = { name, id, config, partitions: list }
  for (let index = 0; index < partitions; index += 1) list.push({ topic, index, segments: [], next: 0 })
  return topic
}

/** Offset of the first record that is still there. */
export function startOf(partition: Partition): number {
  return partition.segments[0]?.first ?? partition.next
}

/** Bytes of all records of a partition. */
export function bytesOf(partition: Partition): number {
  return partition.segments.reduce((sum, segment) => sum + segment.bytes, 0)
}

export function at(partition: Partition): TopicPartition {
  return { topic: partition.topic.name, partition: partition.index }
}

/** Largest record, as recordBytes counts. */
export function maxMessageBytes(topic: Topic): number {
  return setting(topic, 'max.message.bytes') ?? DEFAULT_MAX_MESSAGE_BYTES
}

/** Age at which records of a topic go. */
export function retentionMs(topic: Topic, retention: Retention): number {
  return Math.min(setting(topic, 'retention.ms') ?? Infinity, retention.ms)
}

/** Bytes that each partition of a topic may keep. */
export function retentionBytes(topic: Topic): number {
  return setting(topic, 'retention.bytes') ?? Infinity
}

/** Why Kafka would not make this topic, or undefined. */
export function refusal(spec: TopicSpec): string | undefined {
  if (!NAME.test(spec.name)) return `${JSON.stringify(spec.name)} is no topic name`
  if (!Number.isInteger(spec.partitions) || spec.partitions < 1) return `${spec.name} needs at least one partition`
  for (const name of ['max.message.bytes', 'retention.ms', 'retention.bytes']) {
    const value = spec.config[name]
    if (value !== undefined && !/^-?\d+$/.test(value)) return `${name} of ${spec.name} must be a number, not "${value}"`
  }
  return undefined
}

/** A number of the topic's configuration; undefined when not set or -1 (Kafka's "without bound"). */
function setting(topic: Topic, name: string): number | undefined {
  const text = topic.config[name]
  if (text === undefined) return undefined
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 ? value : undefined
}
