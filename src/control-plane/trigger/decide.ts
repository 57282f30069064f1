import { fails } from '../../api/meta/condition.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { waitsForSeen } from '../fleet.ts'
import { clusterIn } from '../kafka-cluster.ts'
import { destinationResolver, type ResolveReference } from '../resolve.ts'
import type { BoardEntry } from '../board.ts'
import { compileTrigger, type CompiledTrigger } from './compile.ts'
import { groupInUse, type ObservedTrigger } from './observe.ts'

/** What is to be done for a Trigger. */
export type TriggerPlan =
  /** Its Broker is of another class. What was made of it before we knew goes, and so does our finalizer; nothing else is touched. */
  | { readonly kind: 'leave'; readonly removeOutlet: boolean; readonly removeFinalizer: boolean }
  /** Its Broker is not worked out yet. */
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'serve'
      readonly compiled: CompiledTrigger
      readonly broker: BoardEntry | null
      readonly outlet: OutletPlan
      readonly addFinalizer: boolean
    }
  /** It came past admission: nothing is delivered by a filter that we do not understand. */
  | { readonly kind: 'refuse'; readonly problems: string; readonly outlet: 'pause' | 'remove' | 'none' }
  | { readonly kind: 'finalize'; readonly step: TriggerFinalizing }

/** apply: as compiled; keep: as it stands; pause: the same, and nothing is delivered; remove: it must not be there; none: not there, not yet. */
export type OutletPlan = 'apply' | 'keep' | 'pause' | 'remove' | 'none'

/**
 *     deleteOutlet ─► awaitDispatchers ─► deleteGroup ─► release
 *
 * Nobody commits any more when the group goes: a late commit would bring it back.
 */
export type TriggerFinalizing =
  | { readonly do: 'deleteOutlet' }
  | { readonly do: 'awaitDispatchers' }
  | { readonly do: 'deleteGroup'; readonly group: string; readonly cluster: KafkaCluster }
  | { readonly do: 'release' }

/** Pure. */
export function decideTrigger(seen: ObservedTrigger, resolve: ResolveReference): TriggerPlan {
  const { broker, outlet, hasFinalizer, takenBy } = seen
  if (seen.deleting) {
    if (!hasFinalizer) return { kind: 'finalize', step: { do: 'release' } }
    return { kind: 'finalize', step: finalizing(seen) }
  }
  if (broker.kind === 'foreign')
    return { kind: 'leave', removeOutlet: outlet !== undefined, removeFinalizer: hasFinalizer }
  if (seen.trigger === null) {
    // A Broker that goes waits for the Outlets on its topic.
    const stays = broker.kind === 'absent' ? 'remove' : 'pause'
    return { kind: 'refuse', problems: seen.problems, outlet: outlet === undefined ? 'none' : stays }
  }
  if (broker.kind === 'unknown') return { kind: 'wait' }
  const entry = broker.kind === 'known' ? broker.entry : null
  const compiled = compileTrigger(seen.trigger, seen.key.namespace, {
    uid: seen.object.metadata.uid,
    broker: entry?.compiled ?? null,
    start: 'latest',
    resolve: destinationResolver(resolve),
    group: seen.group,
    groupOwner: () => (takenBy === null ? null : { kind: 'Trigger', ...takenBy }),
  })
  const plan = planOutlet(seen, compiled, entry)
  return {
    kind: 'serve',
    compiled: entry?.compiled === null ? withBroker(compiled, entry) : compiled,
    broker: entry,
    outlet: plan,
    addFinalizer: plan === 'apply' && !hasFinalizer,
  }
}

function planOutlet(
  { outlet, takenBy }: ObservedTrigger,
  compiled: CompiledTrigger,
  entry: BoardEntry | null,
): OutletPlan {
  const stands = outlet !== undefined
  // What could not be looked up, or understood, was good until now: events go on as before.
  const unclear = entry !== null && takenBy === null && (compiled.undetermined || entry.compiled === null)
  if (unclear) return stands ? 'keep' : 'none'
  if (compiled.outlet === null && !stands) return 'none'
  // Its positions are kept: they would be forgotten some days after it went, and with them the events since then.
  if (compiled.outlet === null) return lacksAddress(compiled) ? 'pause' : 'remove'
  // Before its topic is there a dispatcher could only complain.
  return stands || entry?.topicUsable === true ? 'apply' : 'none'
}

/** Whether nothing is wrong but that subscriber or dead letter sink are not there. */
function lacksAddress({ conditions }: CompiledTrigger): boolean {
  const wrong = conditions.filter(({ status }) => status === 'False')
  return wrong.every(({ type }) => type === 'SubscriberResolved' || type === 'DeadLetterSinkResolved')
}

/** The Broker is there, and cannot be understood: that is what is wrong, not that there is none. */
function withBroker(compiled: CompiledTrigger, { verdict }: BoardEntry): CompiledTrigger {
  const { namespace, name } = compiled.broker
  const put = fails('BrokerReady', 'BrokerNotReady', `Broker ${namespace}/${name}: ${verdict.message}`)
  return { ...compiled, conditions: compiled.conditions.map((each) => (each.type === 'BrokerReady' ? put : each)) }
}

function finalizing(seen: ObservedTrigger): TriggerFinalizing {
  const { annotations, outlet, outletDeletion, unseen, dispatchers, goneMs, takenBy, group } = seen
  if (outlet !== undefined) return { do: 'deleteOutlet' }
  const wasServed = annotations[groupInUse.group] !== undefined || outletDeletion !== undefined || unseen !== undefined
  if (!wasServed) return { do: 'release' }
  if (waitsForSeen(dispatchers, outletDeletion, goneMs)) return { do: 'awaitDispatchers' }
  const cluster = outletDeletion?.cluster ?? clusterIn(annotations) ?? unseen?.cluster
  if (takenBy !== null || cluster === undefined) return { do: 'release' }
  return { do: 'deleteGroup', group, cluster }
}
