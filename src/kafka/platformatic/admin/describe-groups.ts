import { Fault } from '../../../core/fault.ts'
import { SharedAnswer } from '../../../core/shared-answer.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { Cluster } from '../cluster.ts'
import { errorsInside, kafkaErrorName, refusalOf, toFault } from '../faults.ts'
import type { BrokerLinks } from '../read/broker-links.ts'
import type { AnswerTo } from '../versions.ts'

/** As LogAdmin.describeGroup gives it. */
export interface GroupDescription {
  readonly kind: 'missing' | 'simple' | 'consumer'
  readonly liveMembers: number
}

type Described = AnswerTo<'describeGroups'>['groups'][number]
/** hidden: DescribeGroups does not show it. */
type Answers = ReadonlyMap<string, GroupDescription | 'hidden' | Fault>

/** One request: more would only make the broker's answer one large lump. */
const GROUPS_PER_REQUEST = 500
/** KIP-848 groups are not shown by the old DescribeGroups, but listed. */
const CONSUMER_PROTOCOL = 'consumer'

/**
 * What groups are. Each new Outlet asks about its own, so that ten thousand of them ask for ten thousand: those of one turn share a request.
 *
 *     groups of a turn ─► coordinators ─► a DescribeGroups each ─► shown? simple or consumer
 *                                                                  └─ no: in the list of all groups? consumer, else missing
 */
export class GroupDescriptions {
  readonly #cluster: Cluster
  readonly #links: BrokerLinks
  #gathering: { readonly groups: Set<string>; readonly answers: Promise<Answers> } | null = null
  readonly #consumers = new SharedAnswer(() => this.#listConsumers())

  constructor(cluster: Cluster, links: BrokerLinks) {
    this.#cluster = cluster
    this.#links = links
  }

  /**
   * Asks once. Of a group of the newer protocol (KIP-848) it is known only that it is there: its live members are given as 0, and a commit is
   * refused all the same while there are any.
   * @throws Fault; LogUnavailable is worth another try.
   */
  async of(group: string): Promise<GroupDescription> {
    const answer = (await this.#gather(group)).get(group)
    if (answer === undefined) throw this.#cluster.whyNoCoordinator(group)
    if (answer instanceof Fault) throw answer
    if (answer !== 'hidden') return answer
    return { kind: (await this.#consumers.get()).has(group) ? 'consumer' : 'missing', liveMembers: 0 }
  }

  #gather(group: string): Promise<Answers> {
    if (this.#gathering === null) {
      const groups = new Set<string>()
      const answers = Promise.resolve().then(() => {
        this.#gathering = null
        return this.#ask([...groups])
      })
      this.#gathering = { groups, answers }
    }
    this.#gathering.groups.add(group)
    return this.#gathering.answers
  }

  /** A group that nobody coordinates now is missing in the answer. */
  async #ask(groups: readonly string[]): Promise<Answers> {
    const coordinators = await this.#cluster.coordinators(groups)
    const answers = new Map<string, GroupDescription | 'hidden' | Fault>()
    const byNode = Map.groupBy(coordinators.keys(), (group) => coordinators.get(group) ?? -1)
    const chunks = [...byNode].flatMap(([nodeId, ones]) => chunked(ones).map((chunk) => ({ nodeId, chunk })))
    await Promise.all(chunks.map(({ nodeId, chunk }) => this.#describe(nodeId, chunk, answers)))
    for (const [group, answer] of answers) if (answer instanceof Fault) this.#cluster.forgetCoordinator(group)
    return answers
  }

  async #describe(nodeId: number, groups: string[], into: Map<string, GroupDescription | 'hidden' | Fault>) {
    try {
      const answer = await this.#links.ask(nodeId, (connection) =>
        errorsInside<AnswerTo<'describeGroups'>>(connection.calls.describeGroups.async(connection, groups, false)),
      )
      for (const group of answer.groups) into.set(group.groupId, meaningOf(group))
    } catch (error) {
      const fault = toFault(error, `asking broker ${nodeId} for groups`)
      for (const group of groups) into.set(group, fault)
    }
  }

  async #listConsumers(): Promise<ReadonlySet<string>> {
    const list = (connection: BrokerConnection) => connection.calls.listGroups.async(connection, [], [])
    const lists = await Promise.all((await this.#cluster.brokers()).map((nodeId) => this.#links.ask(nodeId, list)))
    const all = lists.flatMap(({ groups }) => groups)
    return new Set(all.filter(({ protocolType }) => protocolType === CONSUMER_PROTOCOL).map(({ groupId }) => groupId))
  }
}

function meaningOf({ groupId, errorCode, groupState, protocolType, members }: Described) {
  const error = kafkaErrorName(errorCode)
  if (error === 'GROUP_ID_NOT_FOUND' || (errorCode === 0 && groupState.toUpperCase() === 'DEAD')) return 'hidden'
  if (errorCode !== 0) return refusalOf(error, 'group', groupId, 'Describe')
  return { kind: protocolType === '' ? ('simple' as const) : ('consumer' as const), liveMembers: members.length }
}

function chunked(groups: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(groups.length / GROUPS_PER_REQUEST) }, (_, i) =>
    groups.slice(i * GROUPS_PER_REQUEST, (i + 1) * GROUPS_PER_REQUEST),
  )
}
