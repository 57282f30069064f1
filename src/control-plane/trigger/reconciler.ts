import { fails } from '../../api/meta/condition.ts'
import { triggerDependents } from '../../api/trigger.ts'
import type { OutletReport } from '../../contract/route-source.ts'
import { never } from '../../core/never.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { DesiredStatus, Outcome, Reconciler } from '../../kube/reconciler.ts'
import { haltedDraft } from '../contract-object.ts'
import { consumptionOf } from '../fleet.ts'
import { clusterAnnotations, clusterInUse, clusterOfContract } from '../kafka-cluster.ts'
import { deleteRemains } from '../kafka-remains.ts'
import { Patience } from '../patience.ts'
import { Progresses } from '../progress.ts'
import { isTold, statusWith } from '../status-of.ts'
import { noting, Subjects } from '../subjects.ts'
import { isRefusal } from '../topics/state.ts'
import { UndeliveredEvents } from '../undelivered.ts'
import type { Verdict } from '../verdict.ts'
import { applyContract, type World } from '../world.ts'
import type { CompiledTrigger } from './compile.ts'
import { concludeTrigger, type Consumption } from './conclude.ts'
import { decideTrigger, type TriggerFinalizing, type TriggerPlan } from './decide.ts'
import { hold, release } from '../finalizers.ts'
import { groupInUse, observeTrigger, type ObservedTrigger, type UnseenOutlet } from './observe.ts'

/** A fallback where a change will tell: nothing is lost if that is missed. Milliseconds. */
const lookAgainMs = 5_000

type Serving = Extract<TriggerPlan, { kind: 'serve' }>

/**
 *     Trigger, Broker (board) ──► observe ──► decide ──► finalizer, Outlet ──► conclude ──► status
 *                                              └─ being deleted: Outlet, then the group, then the finalizer
 */
export class TriggerReconciler implements Reconciler {
  readonly #world: World
  readonly #patience: Patience
  readonly #progresses: Progresses
  readonly #undelivered: UndeliveredEvents
  readonly #subjects = new Subjects()
  /** By UID of a Trigger that goes. */
  readonly #unseen = new Map<string, UnseenOutlet>()

  constructor(world: World) {
    this.#world = world
    this.#patience = new Patience(world.clock)
    this.#progresses = new Progresses(world.clock)
    this.#undelivered = new UndeliveredEvents(world)
  }

  async reconcile(key: ObjectName, object: StoredObject | undefined, signal: AbortSignal): Promise<Outcome> {
    const forget = (gone: ObjectName, uid: string): void => this.#forget(gone, uid)
    if (!this.#subjects.enter(key, object, forget)) return { kind: 'settled' }
    const { refs, resolve } = noting((ref) => this.#world.resolve(ref))
    const { uid } = object.metadata
    const seen = observeTrigger(object, this.#world, {
      goneMs: () => this.#patience.lasted(`gone ${uid}`),
      unseen: this.#unseen.get(uid),
    })
    const plan = decideTrigger(seen, resolve)
    this.#world.references.set({ kind: 'Trigger', key }, refs)
    switch (plan.kind) {
      case 'leave':
        if (plan.removeOutlet) await this.#deleteOutlet(object, signal)
        if (plan.removeFinalizer) await release(this.#world.client, 'trigger', object, signal)
        return { kind: 'notOurs' }
      case 'wait':
        return { kind: 'waiting', afterMs: lookAgainMs }
      case 'refuse':
        if (plan.outlet === 'remove') await this.#deleteOutlet(object, signal)
        if (plan.outlet === 'pause') await this.#pauseOutlet(seen, signal)
        return {
          kind: 'settled',
          status: statusWith(object, triggerDependents, fails('SubscriptionReady', 'SpecInvalid', plan.problems)),
        }
      case 'finalize':
        return this.#finalize(seen, plan.step, signal)
      case 'serve':
        return this.#serve(seen, plan, signal)
      default:
        return never(plan)
    }
  }

  #forget(key: ObjectName, uid: string): void {
    const { references, awaiting, outletVersions } = this.#world
    references.set({ kind: 'Trigger', key }, [])
    awaiting.dispatcher.set(key, undefined)
    outletVersions.forget(uid)
    this.#patience.forget(uid)
    this.#patience.forget(`gone ${uid}`)
    this.#undelivered.forget(uid)
    this.#unseen.delete(uid)
  }

  async #serve(seen: ObservedTrigger, plan: Serving, signal: AbortSignal): Promise<Outcome> {
    const { compiled, broker } = plan
    const { object, outlet } = seen
    const { uid } = object.metadata
    // First the finalizer: whatever is made after it is cleaned up.
    if (plan.addFinalizer) await hold(this.#world.client, 'trigger', object, signal)
    if (plan.outlet === 'remove') await this.#deleteOutlet(object, signal)
    const applied = await this.#applyOutlet(seen, plan, signal)
    // What we just wrote is not in the cache yet: what that says is of the version before.
    const current = applied === 'unchanged' || plan.outlet === 'keep' ? outlet : undefined
    const verdict = concludeTrigger(compiled, {
      broker: broker?.verdict,
      generation: current?.metadata.generation ?? null,
      report: reportOf(seen),
      consumption: applied === 'notOurs' ? notOurs(uid) : this.#consumption(seen, plan, current !== undefined),
    })
    const credential = compiled.outlet?.credential
    if (credential !== undefined && isRefusal(seen.outletStatus?.fault?.reason))
      this.#world.credentials.doubt(credential)
    const afterMs = this.#patience.holdMs(uid, verdict, isTold(object))
    if (afterMs > 0) return { kind: 'waiting', afterMs }
    const progress = this.#progresses.of(object, [seen.outletStatus], seen.dispatchers)
    const tellMs = this.#undelivered.tell(object, progress)
    const status = { ...statusOf(seen, compiled, verdict), ...progress }
    return tellMs === null ? { kind: 'settled', status } : { kind: 'waiting', afterMs: tellMs, status }
  }

  async #applyOutlet(seen: ObservedTrigger, { outlet, compiled }: Serving, signal: AbortSignal) {
    if (outlet === 'pause') return this.#pauseOutlet(seen, signal)
    if (outlet !== 'apply' || compiled.outlet === null) return undefined
    return applyContract(this.#world, kinds.outlet, compiled.outlet, signal)
  }

  async #pauseOutlet({ outlet }: ObservedTrigger, signal: AbortSignal) {
    return outlet && applyContract(this.#world, kinds.outlet, haltedDraft(outlet), signal)
  }

  async #deleteOutlet({ metadata: { uid } }: StoredObject, signal: AbortSignal): Promise<void> {
    await this.#world.client.delete(kinds.outlet, { namespace: this.#world.namespace, name: uid }, signal)
  }

  /** `current`: the Outlet in the cache is as it shall be. */
  #consumption(seen: ObservedTrigger, { compiled, broker }: Serving, current: boolean): Consumption {
    const { awaiting, namespace } = this.#world
    const { key, dispatchers, outletStatus } = seen
    const version = current ? seen.outletVersion : undefined
    const demand = {
      uid: seen.object.metadata.uid,
      topic: compiled.outlet?.topic ?? '',
      cluster: clusterOfContract(compiled.outlet),
      partitions: broker?.partitions ?? outletStatus?.partitions,
      version: version ?? '',
    }
    const consumption = consumptionOf(dispatchers, demand, namespace)
    awaiting.dispatcher.set(key, consumption.kind === 'owned' ? undefined : version)
    return consumption
  }

  async #finalize(seen: ObservedTrigger, step: TriggerFinalizing, signal: AbortSignal): Promise<Outcome> {
    const { object, key, hasFinalizer, outletDeletion } = seen
    const awaited = step.do === 'awaitDispatchers' ? outletDeletion?.version : undefined
    this.#world.awaiting.dispatcher.set(key, awaited)
    switch (step.do) {
      case 'deleteOutlet':
        await this.#deleteOutlet(object, signal)
        return { kind: 'waiting', afterMs: lookAgainMs }
      case 'awaitDispatchers':
        return { kind: 'waiting', afterMs: 1_000 }
      case 'deleteGroup': {
        const { group: name, cluster } = step
        const remains = { of: 'Trigger', object, name, cluster, giveUp: seen.forced } as const
        const stays = await deleteRemains(remains, this.#world, signal)
        if (stays !== null) return stays
        await release(this.#world.client, 'trigger', object, signal)
        return { kind: 'settled' }
      }
      case 'release':
        if (!hasFinalizer) return { kind: 'settled' }
        // Nobody is left to look after an Outlet that we wrote a moment ago and the cache does not show yet.
        if (await this.#deletedUnseen(object, signal)) return { kind: 'waiting', afterMs: 1_000 }
        await release(this.#world.client, 'trigger', object, signal)
        return { kind: 'settled' }
      default:
        return never(step)
    }
  }

  /** Looks past the cache. */
  async #deletedUnseen(object: StoredObject, signal: AbortSignal): Promise<boolean> {
    const { client, namespace } = this.#world
    const { uid } = object.metadata
    const found = await client.get(kinds.outlet, { namespace, name: uid }, signal)
    if (found === null) return false
    this.#unseen.set(uid, { cluster: clusterOfContract(found['spec']) })
    await this.#deleteOutlet(object, signal)
    return true
  }
}

function notOurs(uid: string): Consumption {
  return { kind: 'nobody', message: `an Outlet ${uid} exists that Millrace did not make; delete it` }
}

function reportOf({ outletStatus }: ObservedTrigger): Pick<OutletReport, 'generation' | 'state' | 'fault'> | undefined {
  if (outletStatus === undefined) return undefined
  const { observedGeneration, state, fault } = outletStatus
  return { generation: observedGeneration, state, fault: (fault ?? null) as OutletReport['fault'] }
}

function statusOf(
  { annotations, outlet }: ObservedTrigger,
  compiled: CompiledTrigger,
  { conditions }: Verdict,
): DesiredStatus {
  const { group, subscriberUri, deadLetterSinkUri } = compiled
  const cluster = clusterOfContract(compiled.outlet)
  // Only what is in use is written down: it is what stays, and what is deleted in the end.
  const inForce = outlet !== undefined && compiled.outlet !== null
  const current = inForce
    ? { [groupInUse.group]: group, ...(cluster === undefined ? {} : clusterAnnotations(cluster)) }
    : {}
  const { [clusterInUse.credential]: _, ...rest } = annotations
  const all = { ...(cluster !== undefined && inForce ? rest : annotations), ...current }
  return {
    conditions,
    ...(subscriberUri === undefined ? {} : { subscriberUri }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
    ...(Object.keys(all).length === 0 ? {} : { annotations: all }),
  }
}
