import type { Logger } from '../../../telemetry/logger.ts'
import type { MembershipOptions } from '../../log.ts'
import type { AnswerTo } from '../versions.ts'
import { plan } from './assignor.ts'
import type { Plan, Settled } from './assignor.ts'
import type { Claimant } from './slots.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import type { Identity } from './heartbeat.ts'
import {
  decodeAssignment,
  decodeMetadata,
  digestOf,
  encodeAssignment,
  encodeMetadata,
  PROTOCOL_NAME,
  PROTOCOL_TYPE,
} from './member-protocol.ts'
import type { Assignment, MemberMetadata } from './member-protocol.ts'
import { none, unbounded } from './shares.ts'

export interface GroupSettings {
  readonly group: string
  readonly instance: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** With the defaults of {@link MembershipOptions}. */
export function settingsOf(options: MembershipOptions): GroupSettings {
  const { group, instance, sessionTimeoutMs = 10_000, rebalanceTimeoutMs = 30_000 } = options
  // A static member that is down must expire before a rebalance ends without it: only so is what it said up to date for the leader.
  return { group, instance, sessionTimeoutMs, rebalanceTimeoutMs: Math.max(rebalanceTimeoutMs, 2 * sessionTimeoutMs) }
}

type JoinResponse = AnswerTo<'joinGroup'>

/** A generation that we are in. */
export interface Joined extends Identity {
  /** What to hand out, when we lead this generation and Kafka asks for a plan. */
  readonly plan: Plan | null
  readonly members: JoinResponse['members']
}

/** The classic group protocol for one static member: join, sync, leave. Errors are those of {@link CoordinatorLink.call}. */
export class GroupCalls {
  readonly #link: CoordinatorLink
  readonly #settings: GroupSettings
  readonly #logger: Logger

  constructor(link: CoordinatorLink, settings: GroupSettings, logger: Logger) {
    this.#link = link
    this.#settings = settings
    this.#logger = logger
  }

  /**
   * Waits at the broker until all members have joined. `memberId` '' joins as new; Kafka then gives a static member that restarts the
   * place of its former life, without a new generation when the group is at rest.
   */
  async join(memberId: string, metadata: MemberMetadata, settled: Settled): Promise<Joined> {
    const { group, instance, sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings
    const protocols = [{ name: PROTOCOL_NAME, metadata: encodeMetadata(metadata) }]
    const answer = await this.#link.call((connection) =>
      connection.calls.joinGroup.async(
        connection,
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        instance,
        PROTOCOL_TYPE,
        protocols,
        null,
      ),
    )
    const leads = answer.leader === answer.memberId && !answer.skipAssignment
    return {
      memberId: answer.memberId,
      generation: answer.generationId,
      plan: leads ? plan(this.#claimants(answer), settled) : null,
      members: answer.members,
    }
  }

  /** Hands in the plan of the leader, gets our part of it. */
  async sync(joined: Joined): Promise<Assignment> {
    const { group, instance } = this.#settings
    const assignments = joined.plan === null ? [] : assignmentsOf(joined.plan, joined.members)
    const answer = await this.#link.call((connection) =>
      connection.calls.syncGroup.async(
        connection,
        group,
        joined.generation,
        joined.memberId,
        instance,
        PROTOCOL_TYPE,
        PROTOCOL_NAME,
        assignments,
      ),
    )
    const assignment = decodeAssignment(answer.assignment)
    if (assignment === null)
      this.#logger.warn({ group }, 'the leader of the group sent an assignment that cannot be read')
    return assignment ?? { partitions: none, share: '', fleet: [], open: [], bounds: unbounded, moving: false }
  }

  async leave(memberId: string): Promise<void> {
    const { group, instance } = this.#settings
    const members = [{ memberId, groupInstanceId: instance, reason: 'leaves for good' }]
    await this.#link.call((connection) => connection.calls.leaveGroup.async(connection, group, members))
  }

  /** Whether the group has a member of our instance name. */
  async isInstanceTaken(): Promise<boolean> {
    const { group, instance } = this.#settings
    const answer = await this.#link.call((connection) =>
      connection.calls.describeGroups.async(connection, [group], false),
    )
    return answer.groups.some(({ members }) => members.some((member) => member.groupInstanceId === instance))
  }

  /**
   * A static member that did not rejoin in time is still in the list, with what it said a generation ago: it is not sure. (Its next
   * heartbeat tells it to drop everything.) The same goes for one that we cannot read.
   */
  #claimants(answer: JoinResponse): readonly Claimant[] {
    return answer.members.map(({ memberId, groupInstanceId, metadata }) => {
      const read = decodeMetadata(metadata)
      if (read === null) this.#logger.warn({ instance: groupInstanceId }, 'the metadata of a member cannot be read')
      const sure = read !== null && (read.generation === -1 || read.generation === answer.generationId - 1)
      const { share, most, owned } = read ?? { share: none, most: unbounded, owned: none }
      return { id: memberId, instance: groupInstanceId ?? memberId, share, most, owned, sure }
    })
  }
}

function assignmentsOf(plan: Plan, members: JoinResponse['members']): { memberId: string; assignment: Buffer }[] {
  const { fleet, open, bounds, moving } = plan
  return members.map(({ memberId, metadata }) => {
    const read = decodeMetadata(metadata)
    const share = digestOf(read?.share ?? none, read?.most)
    const partitions = plan.grants.get(memberId) ?? none
    return { memberId, assignment: encodeAssignment({ partitions, share, fleet, open, bounds, moving }) }
  })
}
