import { setTimeout as sleep } from 'node:timers/promises'
import { retryBackoffMs } from '../../../core/backoff.ts'
import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { LeaderEpoch, LogReader, TopicPartition } from '../../log.ts'
import { BrokerLinks } from './broker-links.ts'
import { CatchUp } from './catch-up.ts'
import type { Cluster } from '../cluster.ts'
import { partitionKey } from './followed.ts'
import { listEpochEnds } from './epoch-ends.ts'
import { listOffsetsAt, listRanges } from './ranges.ts'
import { RecordDecoder } from './record-batch.ts'
import { KafkaTail } from './tail.ts'

export interface ReaderOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** How long a tail's poll waits at the broker when there is nothing to read. Default 500 ms. */
  readonly maxWaitMs?: number
  /** Bytes that a tail asks for in one poll. Default 1 MiB: fewer cost more polls, more leave the CPU's caches. */
  readonly maxBytes?: number
  /** Bytes of one partition in one poll; a batch larger than this comes whole. Default 256 KiB. */
  readonly partitionMaxBytes?: number
  /** A broker that does not answer for this long counts as hanging. Default 5,000 ms; more than `maxWaitMs`. */
  readonly requestTimeoutMs?: number
}

const DEFAULTS = { maxWaitMs: 500, maxBytes: 1_048_576, partitionMaxBytes: 262_144, requestTimeoutMs: 5_000 }
const RANGE_TRIES = 6
const BACKOFF = { baseMs: 100, capMs: 1_000 }

/**
 * Reads Kafka partitions, without any group. All reads are read committed.
 *
 * Connections: one a leader for each tail (the long poll blocks it), one a leader for `read` and `range` together.
 */
export function createReader(cluster: Cluster, options: ReaderOptions): LogReader {
  const closing = new AbortController()
  const settings = { ...DEFAULTS, ...options }
  const decoder = new RecordDecoder()
  const links = new BrokerLinks(cluster, settings.requestTimeoutMs)
  const catchUp = new CatchUp({ cluster, links, decoder, signal: closing.signal })
  const seen = (topic: string, id: string): void => catchUp.seen(topic, id)
  const tails = new Set<KafkaTail>()
  return {
    tail(handler) {
      if (closing.signal.aborted) throw new Fault('Closed', 'the reader was closed')
      const tail = new KafkaTail({ ...settings, cluster, decoder, limits: settings, seen }, handler)
      tails.add(tail)
      return tail
    },
    read: (at, from, maxBytes) => catchUp.read(at, from, maxBytes),
    range: async (asked) => {
      const ranges = await patiently(asked, closing.signal, (some) => listRanges(cluster, links, some))
      return asked.map((at) => ({ ...place(at), ...answerFor(at, ranges) }))
    },
    offsetsAt: async (asked, timestampMs) => {
      const list = (some: readonly TopicPartition[]) => listOffsetsAt(cluster, links, some, timestampMs)
      const offsets = await patiently(asked, closing.signal, list)
      return asked.map((at) => ({ ...place(at), offset: answerFor(at, offsets) }))
    },
    epochEnds: async (asked) => {
      const known = asked.filter(({ leaderEpoch }) => leaderEpoch >= 0)
      // Kafka is asked about a partition once in a request
      const rounds = Map.groupBy(known, ({ leaderEpoch }) => leaderEpoch)
      const list = (some: readonly LeaderEpoch[]) => listEpochEnds(cluster, links, some)
      const told = await Promise.all(
        Array.from(rounds.values(), async (some) => {
          const ends = await patiently(some, closing.signal, list)
          return some.map((one) => ({ ...one, end: answerFor(one, ends) }))
        }),
      )
      return told.flat()
    },
    async close() {
      closing.abort()
      links.close()
      await Promise.all(Array.from(tails, (tail) => tail.close()))
    },
  }
}

/** Asks again for what is missing while that may help; then every partition has an answer. */
async function patiently<T, At extends TopicPartition>(
  asked: readonly At[],
  signal: AbortSignal,
  list: (some: readonly At[]) => Promise<ReadonlyMap<string, T | Fault>>,
): Promise<ReadonlyMap<string, T>> {
  const known = new Map<string, T>()
  for (let tries = 1; ; tries++) {
    if (signal.aborted) throw new Fault('Closed', 'the reader was closed')
    const answers = await list(asked.filter((at) => !known.has(partitionKey(at))))
    let failed: Fault | null = null
    for (const [key, answer] of answers) {
      if (answer instanceof Fault) failed = worse(failed, answer)
      else known.set(key, answer)
    }
    if (failed === null) return known
    if (failed.code !== 'LogUnavailable' || tries === RANGE_TRIES) throw failed
    await sleep(retryBackoffMs(tries, BACKOFF), undefined, { signal }).catch(() => {})
  }
}

/** A fault that waiting does not mend goes before one that it may. */
function worse(one: Fault | null, other: Fault): Fault {
  return one === null || one.code === 'LogUnavailable' ? other : one
}

function place({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}

function answerFor<T>(at: TopicPartition, known: ReadonlyMap<string, T>): T {
  const answer = known.get(partitionKey(at))
  if (answer === undefined) throw new Fault('LogUnavailable', `offsets of ${partitionKey(at)}: nobody answered`)
  return answer
}
