import { setTimeout as sleep } from 'node:timers/promises'
import { retryBackoffMs } from '../../../core/backoff.ts'
import type { Clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Position, Positions, TopicPartition } from '../../log.ts'
import { BrokerLinks } from '../read/broker-links.ts'
import type { Cluster } from '../cluster.ts'
import { isRequestTimeout, toFault } from '../faults.ts'
import { commitOffsets, fetchOffsets, type Wanted } from './positions-wire.ts'

export interface PositionsOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** How long a call goes on trying while a coordinator moves or is away. Default 10,000 ms. */
  readonly patienceMs?: number
  /** A coordinator that does not answer for this long counts as hanging. Default 5,000 ms. */
  readonly requestTimeoutMs?: number
}

const BACKOFF = { baseMs: 50, capMs: 1_000 }
/** One OffsetFetch request: more would only make the broker's answer one large lump. */
const GROUPS_PER_REQUEST = 1_000

type Asked = ReadonlyMap<string, readonly TopicPartition[]>

/**
 * Positions as offsets of groups without members, on connections of its own, one a coordinator, so that no long poll holds up a commit.
 *
 *     groups ─► coordinators (one request for all that are asked for in one turn) ─► one request a coordinator (fetch) or a group (commit)
 *                    ▲                                                                   │ moved, loading, away: forget, wait, again
 *                    └───────────────────────────────────────────────────────────────────┘ for at most `patienceMs`
 */
export function createPositions(cluster: Cluster, options: PositionsOptions): Positions {
  return new KafkaPositions(cluster, options)
}

class KafkaPositions implements Positions {
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #patienceMs: number
  readonly #links: BrokerLinks
  readonly #closing = new AbortController()
  #gathering: { readonly groups: Set<string>; readonly answer: Promise<ReadonlyMap<string, number>> } | null = null

  constructor(cluster: Cluster, options: PositionsOptions) {
    this.#cluster = cluster
    this.#clock = options.clock
    this.#logger = options.logger
    this.#patienceMs = options.patienceMs ?? 10_000
    this.#links = new BrokerLinks(cluster, options.requestTimeoutMs ?? 5_000)
  }

  async fetch(asked: Asked): Promise<ReadonlyMap<string, readonly Position[]>> {
    const positions = new Map<string, readonly Position[]>()
    for (const [group, partitions] of asked) if (partitions.length === 0) positions.set(group, [])
    await this.#patiently('fetching positions', undefined, async () => {
      const missing = new Map([...asked].filter(([group]) => !positions.has(group)))
      return this.#fetchOnce(missing, positions)
    })
    return positions
  }

  async all(group: string): Promise<readonly Position[]> {
    const positions = new Map<string, readonly Position[]>()
    await this.#patiently(`fetching all positions of group ${group}`, undefined, async () =>
      positions.has(group) ? null : this.#fetchOnce(new Map([[group, 'all']]), positions),
    )
    return positions.get(group) ?? []
  }

  async commit(group: string, positions: readonly Position[], signal?: AbortSignal): Promise<void> {
    let left = positions
    const what = `committing positions of group ${group}`
    await this.#patiently(what, signal, async (tries) => {
      if (left.length === 0) return null
      const nodeId = await this.#coordinator(group)
      const connection = await this.#links.to(nodeId)
      if (signal?.aborted === true) throw new Fault('Closed', `${what}: it was given up`)
      const outcome = await this.#ask(nodeId, [group], () => commitOffsets(connection, group, left, tries))
      left = outcome.left
      if (outcome.retry !== null) this.#cluster.forgetCoordinator(group)
      return outcome.retry
    })
  }

  close(): Promise<void> {
    this.#closing.abort()
    this.#links.close()
    return Promise.resolve()
  }

  /** @returns why some groups are still missing in `into`, null when none is. */
  async #fetchOnce(asked: ReadonlyMap<string, Wanted>, into: Map<string, readonly Position[]>): Promise<Fault | null> {
    if (asked.size === 0) return null
    const coordinators = await this.#cluster.coordinators([...asked.keys()])
    const known = [...asked].filter(([group]) => coordinators.has(group))
    const byNode = Map.groupBy(known, ([group]) => coordinators.get(group) ?? -1)
    const chunks = [...byNode].flatMap(([nodeId, groups]) => chunked(groups).map((chunk) => ({ nodeId, chunk })))
    const faults = await Promise.all(chunks.map(({ nodeId, chunk }) => this.#fetchFrom(nodeId, chunk, into)))
    const fault = faults.find((one) => one !== null) ?? null
    if (fault !== null || known.length === asked.size) return fault
    const why = Array.from(
      asked.keys().filter((group) => !coordinators.has(group)),
      (group) => this.#cluster.whyNoCoordinator(group),
    )
    const lasting = why.find(({ code }) => code !== 'LogUnavailable')
    if (lasting !== undefined) throw lasting
    return new Fault('LogUnavailable', `${why.length} groups have no coordinator now`)
  }

  async #fetchFrom(
    nodeId: number,
    asked: readonly (readonly [string, Wanted])[],
    into: Map<string, readonly Position[]>,
  ): Promise<Fault | null> {
    try {
      const groups = asked.map(([group]) => group)
      const connection = await this.#links.to(nodeId)
      const answers = await this.#ask(nodeId, groups, () => fetchOffsets(connection, asked))
      let retry: Fault | null = null
      for (const [group, answer] of answers) {
        if (!(answer instanceof Fault)) into.set(group, answer)
        else {
          this.#cluster.forgetCoordinator(group)
          retry = answer
        }
      }
      return retry
    } catch (error) {
      const fault = toFault(error, `asking broker ${nodeId} for positions`)
      if (fault.code !== 'LogUnavailable' && fault.code !== 'LogTimeout') throw fault
      for (const [group] of asked) this.#cluster.forgetCoordinator(group)
      return new Fault('LogUnavailable', fault.message, { cause: error })
    }
  }

  /** A request that may fail with its connection. */
  async #ask<T>(nodeId: number, groups: readonly string[], request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      if (error instanceof Fault) throw error
      this.#links.discard(nodeId)
      for (const group of groups) this.#cluster.forgetCoordinator(group)
      if (!isRequestTimeout(error)) throw error
      throw new Fault('LogTimeout', `coordinator ${nodeId} did not answer in time`, { cause: error })
    }
  }

  /** All groups whose coordinator is asked for in one turn share a request. */
  async #coordinator(group: string): Promise<number> {
    if (this.#gathering === null) {
      const groups = new Set<string>()
      const answer = Promise.resolve().then(() => {
        this.#gathering = null
        return this.#cluster.coordinators([...groups])
      })
      this.#gathering = { groups, answer }
    }
    this.#gathering.groups.add(group)
    const nodeId = (await this.#gathering.answer).get(group)
    if (nodeId === undefined) throw this.#cluster.whyNoCoordinator(group)
    return nodeId
  }

  /** Tries until `attempt` gives null. What it gives or throws as LogUnavailable or LogTimeout is tried again while patience lasts. */
  async #patiently(
    what: string,
    givenUp: AbortSignal | undefined,
    attempt: (tries: number) => Promise<Fault | null>,
  ): Promise<void> {
    const closing = this.#closing.signal
    const until = this.#clock.monotonic() + this.#patienceMs
    for (let tries = 1; ; tries++) {
      if (closing.aborted) throw new Fault('Closed', `${what}: the positions were closed`)
      if (givenUp?.aborted === true) throw new Fault('Closed', `${what}: it was given up`)
      const fault = await attempt(tries).catch((error: unknown) => toFault(error, what))
      if (fault === null) return
      const waitMs = retryBackoffMs(tries, BACKOFF)
      const again = fault.code === 'LogUnavailable' || fault.code === 'LogTimeout'
      if (!again || (this.#clock.monotonic() + waitMs >= until && !closing.aborted)) throw fault
      this.#logger.debug({ reason: fault.message, tries }, `${what}: trying again`)
      const signal = givenUp === undefined ? closing : AbortSignal.any([closing, givenUp])
      await sleep(waitMs, undefined, { signal }).catch(() => {})
      // the process itself may have slept: what was right to commit then need not be now
      if (this.#clock.monotonic() >= until && !signal.aborted) throw fault
    }
  }
}

function chunked<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / GROUPS_PER_REQUEST) }, (_, i) =>
    all.slice(i * GROUPS_PER_REQUEST, (i + 1) * GROUPS_PER_REQUEST),
  )
}
