import { kafkaSourceDependents, serversOf, type KafkaSourceCondition } from '../../api/kafka-source.ts'
import { fails } from '../../api/meta/condition.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { never } from '../../core/never.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Outcome, Reconciler } from '../../kube/reconciler.ts'
import { isAfter } from '../../kube/resource-version.ts'
import { nameOf } from '../../kube/store.ts'
import { deleteRemains } from '../kafka-remains.ts'
import { sourceLabelsOf } from '../contract-object.ts'
import { credentialOwner, type CredentialVerdict } from '../credentials/credentials.ts'
import { hold, release } from '../finalizers.ts'
import { consumptionOf } from '../fleet.ts'
import { clusterOfContract } from '../kafka-cluster.ts'
import { parsedKafkaSource } from '../parsed.ts'
import { Patience } from '../patience.ts'
import { Progresses } from '../progress.ts'
import { isTold, statusOf, statusWith } from '../status-of.ts'
import { noting, Subjects } from '../subjects.ts'
import { unknownTopics, type TopicsView } from '../topics/source-topics.ts'
import { UndeliveredEvents } from '../undelivered.ts'
import { applyContract, type World } from '../world.ts'
import { askedOf } from './compile.ts'
import { concludeSource, type SeenOutlet } from './conclude.ts'
import { decideSource, standingOutlets, type SourceFinalizing, type SourcePlan } from './decide.ts'
import { clusterWith, observeSource, type ObservedSource, type UnseenOutlet } from './observe.ts'
import { sourceStatus } from './status.ts'

/** A fallback where a change will tell: nothing is lost if that is missed. Milliseconds. */
const lookAgainMs = 5_000
/** A group that cannot be deleted holds the KafkaSource, or its namespace, up no longer than this, milliseconds: nobody will ever use its name again. */
const deletingMs = 60_000

type Serving = Extract<SourcePlan, { kind: 'serve' }>

/**
 *     KafkaSource ──► what to sign in with, topics ──► observe ──► decide ──► finalizer, an Outlet for each topic ──► conclude ──► status
 *                                                                    └─ being deleted: Outlets, then the group where it is ours, then the finalizer
 */
export class KafkaSourceReconciler implements Reconciler {
  readonly #world: World
  readonly #patience: Patience
  readonly #progresses: Progresses
  readonly #undelivered: UndeliveredEvents
  readonly #subjects = new Subjects()
  /** By UID of a KafkaSource that goes. */
  readonly #unseen = new Map<string, readonly UnseenOutlet[]>()

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
    const asked = await this.#asked(object, signal)
    if (asked.topics.seen) this.#world.sourceGroups.found(uid, [...asked.topics.found.keys()])
    const seen = observeSource(object, this.#world, {
      ...asked,
      goneMs: () => this.#patience.lasted(`gone ${uid}`),
      unseen: this.#unseen.get(uid) ?? [],
    })
    const plan = decideSource(seen, resolve)
    this.#world.references.set({ kind: 'KafkaSource', key }, refs)
    switch (plan.kind) {
      case 'refuse':
        for (const draft of plan.halt) await this.#apply(draft, signal)
        return {
          kind: 'settled',
          status: statusWith(object, kafkaSourceDependents, fails('ConsumerGroup', 'SpecInvalid', plan.problems)),
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
    const { references, awaiting, outletVersions, kafka, credentials } = this.#world
    references.set({ kind: 'KafkaSource', key }, [])
    awaiting.source.set(key, undefined)
    outletVersions.forgetUnder(`${uid}.`)
    kafka.forgetView(uid)
    credentials.forget(uid)
    for (const what of [uid, `gone ${uid}`, `group ${uid}`]) this.#patience.forget(what)
    this.#undelivered.forget(uid)
    this.#unseen.delete(uid)
  }

  /** What Kafka says of its topics, and what to sign in with for that. Of one that goes nothing is asked any more. */
  async #asked(
    object: StoredObject,
    signal: AbortSignal,
  ): Promise<{ credential: CredentialVerdict; topics: TopicsView }> {
    const { credentials, kafka } = this.#world
    const { uid, deletionTimestamp } = object.metadata
    const source = parsedKafkaSource(object).value
    if (source === null || deletionTimestamp !== undefined) {
      kafka.forgetView(uid)
      return { credential: { kind: 'none' }, topics: unknownTopics }
    }
    const servers = serversOf(source.spec)
    const request = { kind: 'net', namespace: nameOf(object).namespace, net: source.spec.net ?? {} } as const
    const credential = await credentials.want(credentialOwner('KafkaSource', object), servers, request, signal)
    const cluster = clusterWith(servers, credential)
    if (cluster === undefined) {
      kafka.forgetView(uid)
      return { credential, topics: unknownTopics }
    }
    const topics = kafka.view(uid, cluster, askedOf(source))
    const doubtful = topics.fault?.reason === 'AuthenticationFailed' || topics.fault?.reason === 'TlsFailed'
    if (doubtful && cluster.credential !== undefined) credentials.doubt(cluster.credential)
    return { credential, topics }
  }

  async #serve(seen: ObservedSource, plan: Serving, signal: AbortSignal): Promise<Outcome> {
    const { compiled } = plan
    const { object } = seen
    const { uid } = object.metadata
    // First the finalizer: whatever is made after it is cleaned up.
    if (plan.addFinalizer) await hold(this.#world.client, 'kafkaSource', object, signal)
    await this.#deleteOutlets(plan.outlets.remove, signal)
    const outlets = await this.#applyOutlets(seen, plan, signal)
    const verdict = concludeSource(compiled, {
      credential: seen.credential,
      topics: seen.topics,
      before: (statusOf(object).conditions ?? []) as readonly KafkaSourceCondition[],
      outlets,
    })
    const afterMs = this.#patience.holdMs(uid, verdict, isTold(object))
    if (afterMs > 0) return { kind: 'waiting', afterMs }
    const standing = standingOutlets(seen, compiled)
    const statuses = standing.map((outlet) => outlet.status)
    const progress = this.#progresses.of(object, statuses, seen.dispatchers)
    const tellMs = this.#undelivered.tell(object, progress)
    const status = { ...sourceStatus(seen, compiled, outlets, verdict), ...progress }
    return tellMs === null ? { kind: 'settled', status } : { kind: 'waiting', afterMs: tellMs, status }
  }

  /** Returns how each of those fares that are to stand. */
  async #applyOutlets(seen: ObservedSource, plan: Serving, signal: AbortSignal): Promise<readonly SeenOutlet[]> {
    const outlets: SeenOutlet[] = []
    const removed = new Set(plan.outlets.remove)
    const applied = new Set(plan.outlets.apply.map(({ uid }) => uid))
    let awaited: string | undefined
    const look = (
      topic: string,
      cluster: KafkaCluster | undefined,
      uid: string,
      current: boolean,
      ours: boolean,
    ): void => {
      const standing = seen.outlets.find((each) => each.uid === uid)
      const version = current ? standing?.version : undefined
      const partitions = seen.topics.found.get(topic)?.partitions ?? standing?.status?.partitions
      const demand = { uid, topic, cluster, partitions, version: version ?? '' }
      const consumption = ours ? consumptionOf(seen.dispatchers, demand, this.#world.namespace) : notOurs(uid)
      if (consumption.kind !== 'owned' && version !== undefined && (awaited === undefined || isAfter(version, awaited)))
        awaited = version
      const generation = current ? (standing?.generation ?? null) : null
      outlets.push({ topic, generation, status: standing?.status, consumption })
    }
    for (const draft of plan.outlets.apply) {
      const outcome = await this.#apply(draft, signal)
      // What we just wrote is not in the cache yet: what that says is of the version before.
      look(draft.topic, clusterOfContract(draft), draft.uid, outcome === 'unchanged', outcome !== 'notOurs')
    }
    for (const { uid, topic, cluster } of seen.outlets)
      if (!applied.has(uid) && !removed.has(uid)) look(topic, cluster, uid, true, true)
    // The last of them: when that is seen, all are.
    this.#world.awaiting.source.set(seen.key, awaited)
    return outlets
  }

  #apply(draft: Omit<Outlet, 'generation'>, signal: AbortSignal) {
    return applyContract(this.#world, kinds.outlet, draft, signal)
  }

  async #deleteOutlets(uids: readonly string[], signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#world
    for (const name of uids) await client.delete(kinds.outlet, { namespace, name }, signal)
  }

  async #finalize(seen: ObservedSource, step: SourceFinalizing, signal: AbortSignal): Promise<Outcome> {
    const { object, key, hasFinalizer, deletions } = seen
    const versions = [...deletions.values()].flatMap(({ version }) => version ?? [])
    const newest = versions.reduce<string | undefined>((a, b) => (a === undefined || isAfter(b, a) ? b : a), undefined)
    this.#world.awaiting.source.set(key, step.do === 'awaitDispatchers' ? newest : undefined)
    switch (step.do) {
      case 'deleteOutlets':
        await this.#deleteOutlets(step.uids, signal)
        return { kind: 'waiting', afterMs: lookAgainMs }
      case 'awaitDispatchers':
        return { kind: 'waiting', afterMs: 1_000 }
      case 'deleteGroup': {
        const { group: name, cluster } = step
        const giveUp = seen.forced || this.#patience.lasted(`group ${object.metadata.uid}`) >= deletingMs
        const remains = { of: 'KafkaSource', object, name, cluster, giveUp } as const
        const stays = await deleteRemains(remains, this.#world, signal)
        if (stays !== null) return stays
        await release(this.#world.client, 'kafkaSource', object, signal)
        return { kind: 'settled' }
      }
      case 'release':
        if (!hasFinalizer) return { kind: 'settled' }
        // Nobody is left to look after an Outlet that we wrote a moment ago and the cache does not show yet.
        if (await this.#deletedUnseen(object, signal)) return { kind: 'waiting', afterMs: 1_000 }
        await release(this.#world.client, 'kafkaSource', object, signal)
        return { kind: 'settled' }
      default:
        return never(step)
    }
  }

  /** Looks past the cache. */
  async #deletedUnseen(object: StoredObject, signal: AbortSignal): Promise<boolean> {
    const { client, namespace } = this.#world
    const { uid } = object.metadata
    const labels = sourceLabelsOf({ kind: 'KafkaSource', ...nameOf(object) })
    const labelSelector = Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')
    const { items } = await client.list(kinds.outlet, { namespace, labelSelector }, signal)
    const found = items.filter(({ metadata }) => metadata.name.startsWith(`${uid}.`))
    if (found.length === 0) return false
    const unseen = found.map((each) => ({ uid: each.metadata.name, cluster: clusterOfContract(each['spec']) }))
    this.#unseen.set(uid, unseen)
    await this.#deleteOutlets(
      unseen.map((each) => each.uid),
      signal,
    )
    return true
  }
}

function notOurs(uid: string): SeenOutlet['consumption'] {
  return { kind: 'notOurs', message: `an Outlet ${uid} exists that Millrace did not make; delete it` }
}
