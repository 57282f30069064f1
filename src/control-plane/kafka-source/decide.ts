import { createHash } from 'node:crypto'
import { matchingTopics } from '../../api/topics-pattern.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { haltedDraft } from '../contract-object.ts'
import { waitsForSeen } from '../fleet.ts'
import { clusterIn } from '../kafka-cluster.ts'
import { sourceOutletUid } from '../names.ts'
import { destinationResolver, type ResolveReference } from '../resolve.ts'
import { compileKafkaSource, isOwnGroup, outletOf, type CompiledSource, type Start } from './compile.ts'
import { sourceInUse } from './in-use.ts'
import { clusterWith, type ObservedSource, type StandingOutlet } from './observe.ts'

/** What is to be done for a KafkaSource. */
export type SourcePlan =
  | {
      readonly kind: 'serve'
      readonly compiled: CompiledSource
      readonly outlets: OutletsPlan
      readonly addFinalizer: boolean
    }
  /** It came past admission: nothing is delivered in a way that we do not understand. */
  | { readonly kind: 'refuse'; readonly problems: string; readonly halt: OutletsPlan['apply'] }
  | { readonly kind: 'finalize'; readonly step: SourceFinalizing }

/** What becomes of its Outlets. Those of which nothing is said stay as they stand. */
export interface OutletsPlan {
  readonly apply: readonly Omit<Outlet, 'generation'>[]
  /** UIDs. */
  readonly remove: readonly string[]
}

/**
 *     deleteOutlets ─► awaitDispatchers ─► deleteGroup, where it is ours ─► release
 *
 * Nobody commits any more when the group goes: a late commit would bring it back.
 */
export type SourceFinalizing =
  | { readonly do: 'deleteOutlets'; readonly uids: readonly string[] }
  | { readonly do: 'awaitDispatchers' }
  | { readonly do: 'deleteGroup'; readonly group: string; readonly cluster: KafkaCluster }
  | { readonly do: 'release' }

/** Pure. */
export function decideSource(seen: ObservedSource, resolve: ResolveReference): SourcePlan {
  const { outlets, hasFinalizer, takenBy } = seen
  if (seen.deleting) return { kind: 'finalize', step: hasFinalizer ? finalizing(seen) : { do: 'release' } }
  if (seen.source === null) return { kind: 'refuse', problems: seen.problems, halt: outlets.map(halted) }
  const compiled = compileKafkaSource(seen.source, seen.key.namespace, {
    uid: seen.object.metadata.uid,
    resolve: destinationResolver(resolve),
    groupOwner: takenBy,
  })
  const plan = planOutlets(seen, compiled)
  return { kind: 'serve', compiled, outlets: plan, addFinalizer: plan.apply.length > 0 && !hasFinalizer }
}

/**
 *     sink or dead letter sink cannot be looked up now      as they stand
 *     sink or dead letter sink is gone                      as they stand, paused: somebody has to keep the positions
 *     group is another's                                    none
 *     another Kafka than they stand in                      none; then anew, for they begin there as if they had never been elsewhere
 *     asked for by name        there, or standing           one each; before a topic is there a dispatcher could only complain
 *     asked for by pattern     there                        one each; while Kafka does not answer, as they stand
 */
function planOutlets(seen: ObservedSource, compiled: CompiledSource): OutletsPlan {
  const { outlets } = seen
  const { template } = compiled
  if (isLeftAlone(seen, compiled)) return { apply: [], remove: [] }
  const stays = new Set(standingOutlets(seen, compiled))
  const remove = outlets.filter((outlet) => !stays.has(outlet)).map(({ uid }) => uid)
  if (template === null) return { apply: [...stays].map(halted), remove }
  if (isMoved(seen, compiled)) return { apply: [], remove }
  const standing = new Map(outlets.map((outlet) => [outlet.topic, outlet]))
  const apply = wantedTopics(seen, compiled).flatMap((topic) => {
    const before = standing.get(topic)
    const where = whereFor(before, seen, compiled)
    if (where === undefined) return []
    return [outletOf({ ...compiled, template }, topic, startOf(topic, before, seen, compiled), where)]
  })
  return { apply, remove }
}

function halted({ object }: StandingOutlet): Omit<Outlet, 'generation'> {
  return haltedDraft(object)
}

/** Those of the Outlets that stand which are to go on standing. */
export function standingOutlets(seen: ObservedSource, compiled: CompiledSource): readonly StandingOutlet[] {
  if (isLeftAlone(seen, compiled)) return seen.outlets
  if (seen.takenBy !== null || isMoved(seen, compiled)) return []
  const wanted = new Set(wantedTopics(seen, compiled))
  return seen.outlets.filter(({ topic }) => wanted.has(topic))
}

/** Whether Outlets stand in another Kafka than the one that is asked for, which is known to be another. */
export function isMoved({ annotations, topics, outlets }: ObservedSource, { servers }: CompiledSource): boolean {
  const { [sourceInUse.cluster]: before } = annotations
  if (before === undefined || topics.cluster === null || before === topics.cluster) return false
  return outlets.some(({ cluster }) => cluster?.bootstrapServers !== servers)
}

/**
 * In which Kafka the Outlet of a topic is to be, and as whom. What to sign in with is not there, or other servers have not yet answered, so that
 * nobody knows whether they are of the same Kafka: one that stands goes on with what it has.
 */
function whereFor(
  before: StandingOutlet | undefined,
  { topics, credential }: ObservedSource,
  { servers }: CompiledSource,
): KafkaCluster | undefined {
  const cluster = clusterWith(servers, credential)
  const waits = !topics.seen && before?.cluster?.bootstrapServers !== servers
  return waits ? (before?.cluster ?? cluster) : (cluster ?? before?.cluster)
}

/** Whether its Outlets are to stay as they stand, since it is not known what they shall be. */
export function isLeftAlone({ takenBy }: ObservedSource, { undetermined }: CompiledSource): boolean {
  return takenBy === null && undetermined
}

/** The topics that are to have an Outlet. */
export function wantedTopics(seen: ObservedSource, compiled: CompiledSource): readonly string[] {
  const { topics, outlets } = seen
  const { asked } = compiled
  const standing = isMoved(seen, compiled) ? [] : outlets.map(({ topic }) => topic)
  if (asked.kind === 'names') return asked.names.filter((name) => topics.found.has(name) || standing.includes(name))
  const found = [...topics.found.keys()]
  if (topics.seen && topics.fault === null) return found
  return [...new Set([...found, ...matchingTopics(standing, asked.parts)])].toSorted()
}

/** Of an Outlet that stands it stays: once it has begun it means nothing any more. */
function startOf(
  topic: string,
  before: StandingOutlet | undefined,
  { annotations, toldTopics }: ObservedSource,
  compiled: CompiledSource,
): Start {
  if (before !== undefined) return before.start
  const late = annotations[sourceInUse.asked] === askedId(compiled) && !toldTopics.includes(topic)
  return late ? { start: 'earliest' } : compiled.start
}

/** Tells one question from another. */
export function askedId({ servers, asked }: CompiledSource): string {
  return createHash('sha256')
    .update(JSON.stringify([servers, asked]))
    .digest('hex')
    .slice(0, 16)
}

function finalizing(seen: ObservedSource): SourceFinalizing {
  const { annotations, outlets, deletions, unseen, dispatchers, goneMs, takenBy, group, sharesGroup } = seen
  if (outlets.length > 0) return { do: 'deleteOutlets', uids: outlets.map(({ uid }) => uid) }
  const known = seen.toldTopics.map((topic) => sourceOutletUid(seen.object.metadata.uid, topic))
  const uids = [...new Set([...known, ...deletions.keys(), ...unseen.map(({ uid }) => uid)])]
  if (uids.length === 0) return { do: 'release' }
  if (uids.some((uid) => waitsForSeen(dispatchers, deletions.get(uid), goneMs))) return { do: 'awaitDispatchers' }
  const cluster = clusterIn(annotations) ?? lastOf(seen)
  const isOurs = isOwnGroup(group) && takenBy === null && !sharesGroup
  return isOurs && cluster !== undefined ? { do: 'deleteGroup', group, cluster } : { do: 'release' }
}

function lastOf({ deletions, unseen }: ObservedSource): KafkaCluster | undefined {
  return [...deletions.values(), ...unseen].findLast(({ cluster }) => cluster !== undefined)?.cluster
}
