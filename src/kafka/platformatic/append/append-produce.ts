import type { Reader } from '@platformatic/kafka'
import { batchSize, writeBatch } from './append-batch.ts'
import type { Encodable, HeaderNameEncoder, Identity } from './append-batch.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { PartitionLeader } from '../topic-metadata.ts'
import { Writer } from '../library.ts'

/** One batch of one partition in a Produce request. */
export interface ProduceBatch {
  readonly topic: { readonly name: string; readonly encodedName: Buffer }
  readonly index: number
  readonly entries: readonly Encodable[]
  readonly identity: Identity
  readonly sequence: number
}

/** What the leader says about one partition. */
export interface ProduceResult {
  readonly topic: string
  readonly index: number
  /** 0: stored. */
  readonly errorCode: number
  /** Offset of the first record; -1n when the leader does not know it (a batch that it had stored earlier). */
  readonly baseOffset: bigint
  /** On NOT_LEADER_OR_FOLLOWER: who leads, when the broker knows. */
  readonly leader: PartitionLeader | null
}

/** Encodes Produce requests into a buffer that it keeps: one request at a time. */
export class ProduceEncoder {
  readonly #names: HeaderNameEncoder
  #buffer = Buffer.allocUnsafeSlow(64 * 1024)

  constructor(names: HeaderNameEncoder) {
    this.#names = names
  }

  /**
   * Produce request, the same in all versions that we speak, acks=all. The result is valid until the next call.
   * @param batches of one topic stand together.
   * @param ackTimeoutMs how long the leader waits for its followers.
   */
  encode(batches: readonly ProduceBatch[], ackTimeoutMs: number): Buffer {
    const sizes = batches.map((batch) => batchSize(batch.entries))
    const target = this.#reserve(batches, sizes)
    let at = 0
    target[at++] = 0 // no transactional id
    at = target.writeInt16BE(-1, at)
    at = target.writeInt32BE(ackTimeoutMs, at)
    at = writeUnsignedVarint(target, at, countTopics(batches) + 1)
    for (let i = 0; i < batches.length;) {
      const topic = (batches[i] as ProduceBatch).topic
      let end = i
      while (batches[end]?.topic === topic) end++
      at = writeUnsignedVarint(target, at, topic.encodedName.length + 1)
      target.set(topic.encodedName, at)
      at = writeUnsignedVarint(target, at + topic.encodedName.length, end - i + 1)
      for (; i < end; i++) at = this.#writePartition(target, at, batches[i] as ProduceBatch, sizes[i] as number)
      target[at++] = 0
    }
    target[at++] = 0
    return target.subarray(0, at)
  }

  #writePartition(target: Buffer, start: number, batch: ProduceBatch, size: number): number {
    let at = target.writeInt32BE(batch.index, start)
    at = writeUnsignedVarint(target, at, size + 1)
    at = writeBatch(target, at, size, batch.entries, batch, this.#names)
    target[at] = 0
    return at + 1
  }

  #reserve(batches: readonly ProduceBatch[], sizes: readonly number[]): Buffer {
    let size = 32
    for (let i = 0; i < batches.length; i++) {
      size += (sizes[i] as number) + (batches[i] as ProduceBatch).topic.encodedName.length + 32
    }
    if (size <= this.#buffer.length) return this.#buffer
    const larger = Buffer.allocUnsafeSlow(size + (size >> 1))
    if (larger.length <= 2 * 1024 * 1024) this.#buffer = larger
    return larger
  }
}

/** Sends an encoded request in the version of the connection. The callback gets an error when there is no answer: then nobody knows what was stored. */
export function produce(
  connection: BrokerConnection,
  request: Buffer,
  callback: (error: Error | null, results: readonly ProduceResult[] | undefined) => void,
): void {
  const { key, version } = connection.calls.produce
  connection.send(key, version, () => Writer.create().append(request), parseResponse, true, true, callback)
}

/** Unlike the library's parser it does not throw away the answers of all partitions because one of them has an error. */
function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): ProduceResult[] {
  const results: ProduceResult[] = []
  for (let topics = reader.readUnsignedVarInt() - 1; topics > 0; topics--) {
    const topic = reader.readString()
    for (let partitions = reader.readUnsignedVarInt() - 1; partitions > 0; partitions--) {
      results.push(parsePartition(reader, topic))
    }
    reader.readTaggedFields()
  }
  return results
}

function parsePartition(reader: Reader, topic: string): ProduceResult {
  const index = reader.readInt32()
  const errorCode = reader.readInt16()
  const baseOffset = reader.readInt64()
  reader.skip(16) // log append time, log start
  for (let errors = reader.readUnsignedVarInt() - 1; errors > 0; errors--) {
    reader.skip(4)
    reader.readNullableString()
    reader.readTaggedFields()
  }
  reader.readNullableString()
  return { topic, index, errorCode, baseOffset, leader: parseLeader(reader) }
}

function parseLeader(reader: Reader): PartitionLeader | null {
  let leader: PartitionLeader | null = null
  for (let tags = reader.readUnsignedVarInt(); tags > 0; tags--) {
    const tag = reader.readUnsignedVarInt()
    const end = reader.readUnsignedVarInt() + reader.position
    if (tag === 0) leader = { nodeId: reader.readInt32(), epoch: reader.readInt32() }
    reader.skip(end - reader.position)
  }
  return leader
}

function countTopics(batches: readonly ProduceBatch[]): number {
  let count = 0
  for (let i = 0; i < batches.length; i++) if (i === 0 || batches[i]?.topic !== batches[i - 1]?.topic) count++
  return count
}

function writeUnsignedVarint(target: Buffer, start: number, value: number): number {
  let rest = value
  let at = start
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[at++] = rest
  return at
}
