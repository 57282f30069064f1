import type { fetchV17, Reader } from '@platformatic/kafka'
import type { BrokerConnection } from '../broker-connection.ts'
import { readKnownTaggedFields, request as requestOf } from '../library.ts'
import type { AbortedTransaction } from './record-batch.ts'

/** What is asked of one partition. */
export interface FetchTarget {
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  /** The leader epoch that we know; the broker refuses (fences) one of us who is behind. */
  readonly leaderEpoch: number
  /** The epoch of the last batch read, -1 for none: the broker tells when its log parted from what we read. */
  readonly lastFetchedEpoch: number
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  /** 0: no session yet. */
  readonly sessionId: number
  /** 0 asks for a new session, -1 for none. */
  readonly sessionEpoch: number
  readonly targets: readonly FetchTarget[]
  readonly forgotten: readonly { readonly topicId: string; readonly partition: number }[]
}

/** The answer for one partition; errors are data here, so that one bad partition cannot harm the others. */
export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  /** Kafka's error code, 0 for none. */
  readonly errorCode: number
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  /** Where the leader's log parted from what we read. */
  readonly diverging: { readonly epoch: number; readonly endOffset: bigint } | null
  /** Who leads now, when the broker knows better than we. */
  readonly leader: { readonly nodeId: number; readonly epoch: number } | null
  readonly aborted: readonly AbortedTransaction[]
  /** The records section in a buffer of its own: what stays referenced pins this partition's bytes, never the whole response. */
  readonly section: Buffer | null
}

export interface FetchResponse {
  readonly throttleTimeMs: number
  /** An error of the session or the whole request, 0 for none. */
  readonly errorCode: number
  readonly sessionId: number
  readonly partitions: readonly FetchedPartition[]
}

const READ_COMMITTED = 1
/** The same in all versions that we speak. */
const { createRequest } = requestOf('consumer', 'fetchV17')

/** Fetch in the version of the connection (all that we speak look the same), read committed. @throws what the client throws for a lost connection or a timeout, never for an error code. */
export function fetch(connection: BrokerConnection, request: FetchRequest): Promise<FetchResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<FetchResponse>()
  // Targets are live objects: what is asked is what they say now.
  const [targets, forgotten] = [targetsByTopic(request), forgottenByTopic(request)]
  const write = () =>
    createRequest(
      request.maxWaitMs,
      1,
      request.maxBytes,
      READ_COMMITTED,
      request.sessionId,
      request.sessionEpoch,
      targets,
      forgotten,
      '',
    )
  const { key, version } = connection.calls.fetch
  connection.send(key, version, write, parse, true, true, (error, response) => {
    if (error === null || error === undefined) resolve(response as FetchResponse)
    else reject(error)
  })
  return promise
}

function targetsByTopic(request: FetchRequest): fetchV17.FetchRequestTopic[] {
  return Array.from(
    Map.groupBy(request.targets, (target) => target.topicId),
    ([topicId, targets]) => ({
      topicId,
      partitions: targets.map((target) => ({
        partition: target.partition,
        currentLeaderEpoch: target.leaderEpoch,
        fetchOffset: target.offset,
        lastFetchedEpoch: target.lastFetchedEpoch,
        partitionMaxBytes: request.partitionMaxBytes,
      })),
    }),
  )
}

function forgottenByTopic(request: FetchRequest): { topicId: string; partitions: number[] }[] {
  return Array.from(
    Map.groupBy(request.forgotten, (one) => one.topicId),
    ([topicId, ones]) => ({
      topicId,
      partitions: ones.map((one) => one.partition),
    }),
  )
}

/**
 * The client's own parser decodes every record through closures and throws away the response when a partition has an error: ours reads the
 * frame and leaves the records to {@link RecordDecoder}.
 */
function parse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): FetchResponse {
  const throttleTimeMs = reader.readInt32()
  const errorCode = reader.readInt16()
  const sessionId = reader.readInt32()
  const partitions: FetchedPartition[] = []
  reader.readArray((topic) => {
    const topicId = topic.readUUID()
    topic.readArray((r) => partitions.push(parsePartition(topicId, r)), true, false)
  })
  return { throttleTimeMs, errorCode, sessionId, partitions }
}

function parsePartition(topicId: string, reader: Reader): FetchedPartition {
  const partition = reader.readInt32()
  const errorCode = reader.readInt16()
  reader.readInt64() // high watermark: read committed ends at the last stable offset
  const lastStableOffset = reader.readInt64()
  const logStartOffset = reader.readInt64()
  const aborted = reader.readArray((r) => ({ producerId: r.readInt64(), firstOffset: r.readInt64() }))
  reader.readInt32() // preferred read replica: we always read from the leader
  const size = reader.readUnsignedVarInt() - 1
  if (size > reader.remaining) throw new RangeError(`${size} bytes of records do not fit into what is left`)
  const section = size > 0 ? copyOut(reader.buffer.buffers, reader.position, size) : null
  if (size > 0) reader.skip(size)
  let diverging: FetchedPartition['diverging'] = null
  let leader: FetchedPartition['leader'] = null
  readKnownTaggedFields(reader, {
    0: (r) => (diverging = { epoch: r.readInt32(), endOffset: r.readInt64() }),
    1: (r) => (leader = { nodeId: r.readInt32(), epoch: r.readInt32() }),
  })
  return { topicId, partition, errorCode, lastStableOffset, logStartOffset, diverging, leader, aborted, section }
}

/** One copy out of the socket's chunks, into memory that nothing else shares. */
function copyOut(chunks: readonly Buffer[], start: number, size: number): Buffer {
  const section = Buffer.allocUnsafeSlow(size)
  let skip = start
  let filled = 0
  for (const chunk of chunks) {
    if (skip < chunk.length) {
      filled += chunk.copy(section, filled, skip)
      if (filled === size) break
    }
    skip = Math.max(0, skip - chunk.length)
  }
  return section
}
