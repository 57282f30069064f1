import type { Connection } from '@platformatic/kafka'
import { Fault } from '../../core/fault.ts'
import { kafkaErrorCode } from './faults.ts'
import { request } from './library.ts'

const apiVersions = request('metadata', 'apiVersionsV3').api

/**
 * All requests of the event path, each in the versions that we can encode, oldest first: from what Kafka 3.5 speaks on. A row's versions
 * take the same arguments; Produce and Fetch, which we encode ourselves, have the same layout in all of theirs:
 *
 *     Produce 9 … 11    10 tells in a tagged field who leads now
 *     Fetch 15 … 17     13 asks by topic id, 15 has no replica id; 16 tells addresses, 17 takes a log directory (for followers), both tagged
 */
const known = {
  produce: [
    request('producer', 'produceV9').api,
    request('producer', 'produceV10').api,
    request('producer', 'produceV11').api,
  ],
  fetch: [
    request('consumer', 'fetchV15').api,
    request('consumer', 'fetchV16').api,
    request('consumer', 'fetchV17').api,
  ],
  listOffsets: [request('consumer', 'listOffsetsV8').api, request('consumer', 'listOffsetsV9').api],
  offsetForLeaderEpoch: [request('consumer', 'offsetForLeaderEpochV4').api],
  metadata: [request('metadata', 'metadataV12').api],
  offsetCommit: [request('consumer', 'offsetCommitV8').api, request('consumer', 'offsetCommitV9').api],
  offsetFetch: [request('consumer', 'offsetFetchV8').api, request('consumer', 'offsetFetchV9').api],
  findCoordinator: [
    request('metadata', 'findCoordinatorV4').api,
    request('metadata', 'findCoordinatorV5').api,
    request('metadata', 'findCoordinatorV6').api,
  ],
  joinGroup: [request('consumer', 'joinGroupV9').api],
  heartbeat: [request('consumer', 'heartbeatV4').api],
  leaveGroup: [request('consumer', 'leaveGroupV5').api],
  syncGroup: [request('consumer', 'syncGroupV5').api],
  describeGroups: [request('admin', 'describeGroupsV5').api],
  listGroups: [request('admin', 'listGroupsV4').api],
  initProducerId: [request('producer', 'initProducerIdV4').api, request('producer', 'initProducerIdV5').api],
  describeConfigs: [request('admin', 'describeConfigsV4').api],
} as const

type Known = typeof known

/** The requests of the event path in the versions for one broker. `key` and `version` are what goes on the wire. */
export type Calls = { readonly [Name in keyof Known]: Known[Name][number] }

/** What the broker answers to a call. */
export type AnswerTo<Name extends keyof Known> = Awaited<ReturnType<Calls[Name]['async']>>

/** What a broker says about one kind of request. */
export interface OfferedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/**
 * Asks the broker at the other end what it speaks, and chooses the newest that both sides know. Brokers of one cluster may differ during an
 * upgrade, so the choice belongs to the connection: it is made once, before the first request.
 * @param server `host:port`, for people.
 * @throws Fault LogRefused as {@link choose}; the client library's error when the broker did not answer.
 */
export async function negotiate(connection: Connection, server: string): Promise<Calls> {
  try {
    const { apiKeys } = await apiVersions.async(connection, 'millrace', 'unknown')
    return choose(apiKeys, server)
  } catch (error) {
    // So answers a Kafka before 2.4. Not as the cause: what Kafka answered to would seem to be a question of the caller.
    if (!(error instanceof Fault) && kafkaErrorCode(error) === 'UNSUPPORTED_VERSION')
      throw tooOld(server, 'ApiVersions')
    throw error
  }
}

/** @throws Fault LogRefused, which says whether Kafka or Millrace is too old, when there is a request that only one side knows. */
export function choose(offered: readonly OfferedApi[], server: string): Calls {
  const ranges = new Map(offered.map((one) => [one.apiKey, one]))
  const chosen = Object.entries(known).map(([name, versions]) => {
    const range = ranges.get(versions[0].key)
    const title = name.charAt(0).toUpperCase() + name.slice(1)
    const oldest = versions[0].version
    const newest = (versions.at(-1) ?? versions[0]).version
    if (range === undefined || range.maxVersion < oldest) throw tooOld(server, title, range?.maxVersion, oldest)
    if (range.minVersion > newest) throw tooNew(server, title, range.minVersion, newest)
    return [name, versions.findLast(({ version }) => version <= range.maxVersion)]
  })
  return Object.fromEntries(chosen) as Calls
}

function tooOld(server: string, api: string, offered?: number, needed?: number): Fault {
  const facts =
    offered === undefined ? `it does not know ${api}` : `it knows ${api} up to version ${offered}, not ${needed}`
  return new Fault(
    'LogRefused',
    `the Kafka broker at ${server} is too old (${facts}): Millrace needs Kafka 3.5 or newer`,
  )
}

function tooNew(server: string, api: string, offered: number, newest: number): Fault {
  const facts = `it knows ${api} from version ${offered} on, Millrace up to ${newest}`
  return new Fault('LogRefused', `the Kafka broker at ${server} is too new (${facts}): a newer Millrace is needed`)
}
