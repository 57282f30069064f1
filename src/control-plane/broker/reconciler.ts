import { brokerDependents, type BrokerCondition } from '../../api/broker.ts'
import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { never } from '../../core/never.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { DesiredStatus, Outcome, Reconciler } from '../../kube/reconciler.ts'
import { credentialOwner, type CredentialVerdict } from '../credentials/credentials.ts'
import { knows } from '../fleet.ts'
import { Patience } from '../patience.ts'
import { isTold, reasonOf, statusWith } from '../status-of.ts'
import { noting, Subjects } from '../subjects.ts'
import { isRefusal, isUsable, type TopicState } from '../topics/state.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import { applyContract, type World } from '../world.ts'
import type { CompiledBroker } from './compile.ts'
import { concludeBroker } from './conclude.ts'
import { decideBroker, type BrokerFinalizing } from './decide.ts'
import { hold, release } from '../finalizers.ts'
import { deleteRemains } from '../kafka-remains.ts'
import type { KafkaConfig } from './kafka-config.ts'
import { inUse, kafkaConfigOf, observeBroker, type ObservedBroker } from './observe.ts'
import { lastTopicState, statusOf, topicState } from './status.ts'

/** A fallback where a change will tell: nothing is lost if that is missed. Milliseconds. */
const lookAgainMs = 5_000

/**
 *     Broker ──► observe ──► decide ──► finalizer, topic wanted, Inlet ──► conclude ──► board (for its Triggers), status
 *                              └─ being deleted: Inlet, then topics, then the finalizer
 */
export class BrokerReconciler implements Reconciler {
  readonly #world: World
  readonly #patience: Patience
  readonly #subjects = new Subjects()
  /** UIDs of Brokers that go, whose topic was there. */
  readonly #made = new Map<string, KafkaCluster>()

  constructor(world: World) {
    this.#world = world
    this.#patience = new Patience(world.clock)
  }

  async reconcile(key: ObjectName, object: StoredObject | undefined, signal: AbortSignal): Promise<Outcome> {
    const forget = (gone: ObjectName, uid: string): void => this.#forget(gone, uid)
    if (!this.#subjects.enter(key, object, forget)) return { kind: 'settled' }
    const { refs, resolve } = noting((ref) => this.#world.resolve(ref))
    const { uid } = object.metadata
    const config = kafkaConfigOf(object, this.#world)
    const seen = observeBroker(object, this.#world, {
      config,
      credential: await this.#credential(object, config, signal),
      goneMs: () => this.#patience.lasted(`gone ${uid}`),
      madeIn: this.#made.get(uid) ?? this.#world.kafka.hasMade(uid),
    })
    const plan = decideBroker(seen, this.#world.ingressUrl, resolve)
    this.#world.references.set({ kind: 'Broker', key }, refs)
    switch (plan.kind) {
      case 'leave':
        this.#world.board.set(key, undefined)
        return { kind: 'notOurs' }
      case 'refuse':
        return this.#refuse(seen, plan.problems)
      case 'finalize':
        this.#world.board.set(key, undefined)
        return this.#finalize(seen, plan.step, signal)
      case 'serve':
        return this.#serve(seen, plan.compiled, plan.addFinalizer, signal)
      default:
        return never(plan)
    }
  }

  #forget(key: ObjectName, uid: string): void {
    const { kafka, credentials, board, references, awaiting, inletVersions } = this.#world
    kafka.forget(uid)
    credentials.forget(uid)
    board.set(key, undefined)
    references.set({ kind: 'Broker', key }, [])
    awaiting.ingress.set(key, undefined)
    inletVersions.forget(uid)
    this.#made.delete(uid)
    this.#patience.forget(uid)
    this.#patience.forget(`gone ${uid}`)
  }

  /** Of one that goes nothing is read any more: what it signed in with is known. */
  async #credential(
    object: StoredObject,
    { bootstrapServers, secret }: KafkaConfig,
    signal: AbortSignal,
  ): Promise<CredentialVerdict> {
    const { credentials } = this.#world
    const { deletionTimestamp, uid } = object.metadata
    if (deletionTimestamp === undefined && secret !== undefined && bootstrapServers !== undefined)
      return credentials.want(
        credentialOwner('Broker', object),
        bootstrapServers,
        { kind: 'secret', ...secret },
        signal,
      )
    if (deletionTimestamp === undefined) credentials.forget(uid)
    return { kind: 'none' }
  }

  async #serve(
    seen: ObservedBroker,
    compiled: CompiledBroker,
    addFinalizer: boolean,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { client, kafka, board } = this.#world
    const { object, key, annotations } = seen
    const { uid } = object.metadata
    // First the finalizer: whatever is made after it is cleaned up.
    if (addFinalizer) await hold(client, 'broker', object, signal)
    const { inlet, cluster, topic } = compiled
    const here =
      annotations[inUse.bootstrapServers] === cluster?.bootstrapServers && annotations[inUse.topic] === topic.spec.name
    if (inlet === null || cluster === undefined) kafka.forget(uid)
    else kafka.want(uid, cluster, topic, here)
    const applied = await this.#applyInlet(seen, compiled, signal)
    const keeper = cluster === undefined || inlet === null ? undefined : kafka.keeper(cluster)
    const known = keeper === undefined ? undefined : (keeper.state(topic.spec.name) ?? lastTopicState(object, here))
    const state = topicState(known, seen, topic.external)
    const dataPlane = applied === 'notOurs' ? notOurs(uid) : this.#dataPlane(seen, applied === 'unchanged')
    const verdict = concludeBroker(compiled, { topic: state, dataPlane, address: this.#world.ingressAddress() })
    if (cluster?.credential !== undefined && state !== 'ready' && isRefusal(state?.reason))
      this.#world.credentials.doubt(cluster.credential)
    const { ready, reason, message } = verdict
    const partitions = keeper?.partitions(topic.spec.name)
    board.set(key, { compiled, verdict: { ready, reason, message }, topicUsable: isUsable(state), partitions })
    this.#tell(object, state, compiled)
    return this.#written(object, verdict, statusOf(seen, compiled, verdict, state))
  }

  async #applyInlet({ inlet, object }: ObservedBroker, compiled: CompiledBroker, signal: AbortSignal) {
    if (compiled.inlet !== null) return applyContract(this.#world, kinds.inlet, compiled.inlet, signal)
    if (inlet !== undefined) await this.#deleteInlet(object, signal)
    return 'unchanged' as const
  }

  /** False when there was none. */
  #deleteInlet({ metadata: { uid } }: StoredObject, signal: AbortSignal): Promise<boolean> {
    return this.#world.client.delete(kinds.inlet, { namespace: this.#world.namespace, name: uid }, signal)
  }

  /** `current`: the Inlet in the cache is as it shall be. */
  #dataPlane({ key, object, ingress, inletVersion }: ObservedBroker, current: boolean): BrokerCondition {
    const { awaiting, namespace } = this.#world
    const version = current ? inletVersion : undefined
    // Every one of them: the Service leads to any, and one that does not know the Broker yet answers 404.
    const known = version !== undefined && ingress.every((worker) => knows(worker, version, object.metadata.uid))
    const listens = known && ingress.length > 0
    awaiting.ingress.set(key, listens ? undefined : version)
    if (listens) return holds('DataPlaneAvailable')
    const look = `kubectl get pods,workers -n ${namespace} -l app.kubernetes.io/component=ingress`
    if (ingress.length > 0)
      return waits(
        'DataPlaneAvailable',
        'IngressNotListening',
        `not every ingress pod has taken up this version yet, and a sender may meet any of them; when it stays so: ${look}`,
      )
    return fails(
      'DataPlaneAvailable',
      'IngressNotReady',
      `no ingress is Ready, so no event is accepted now. See why: ${look}`,
    )
  }

  /** What a user should learn once, although Ready does not change by it. */
  #tell(object: StoredObject, state: TopicState | undefined, { notices, conditions }: CompiledBroker): void {
    const { events } = this.#world
    const config = conditions.find(({ type }) => type === 'ConfigParsed')
    if (config?.status === 'True' && config.reason !== '' && config.reason !== reasonOf(object, 'ConfigParsed'))
      events.event(object, 'Warning', config.reason, config.message)
    if (state === undefined || state === 'ready' || !isUsable(state)) return
    if (reasonOf(object, 'TopicReady') !== state.reason) events.event(object, 'Warning', state.reason, state.message)
    for (const notice of notices) events.event(object, 'Warning', 'ConfigNotice', notice)
  }

  #written(object: StoredObject, verdict: Verdict, status: DesiredStatus): Outcome {
    const afterMs = this.#patience.holdMs(object.metadata.uid, verdict, isTold(object))
    if (afterMs > 0) return { kind: 'waiting', afterMs }
    return { kind: 'settled', status }
  }

  #refuse({ object, key }: ObservedBroker, problems: string): Outcome {
    const conditions: BrokerCondition[] = [fails('ConfigParsed', 'SpecInvalid', problems)]
    const verdict = verdictOf(conditions, ready(brokerDependents, conditions))
    const { ready: status, reason, message } = verdict
    this.#world.board.set(key, {
      compiled: null,
      verdict: { ready: status, reason, message },
      topicUsable: false,
      partitions: undefined,
    })
    const put = fails('ConfigParsed', 'SpecInvalid', problems)
    return { kind: 'settled', status: statusWith(object, brokerDependents, put) }
  }

  async #finalize(seen: ObservedBroker, step: BrokerFinalizing, signal: AbortSignal): Promise<Outcome> {
    const { object, key, hasFinalizer, inletDeletion } = seen
    const { awaiting } = this.#world
    awaiting.ingress.set(key, step.do === 'awaitIngress' ? inletDeletion?.version : undefined)
    switch (step.do) {
      case 'deleteInlet':
        await this.#deleteInlet(object, signal)
        return { kind: 'waiting', afterMs: lookAgainMs }
      case 'awaitIngress':
      case 'awaitOutlets':
      case 'awaitTopic':
        return { kind: 'waiting', afterMs: 500 }
      case 'deleteTopics': {
        // From now on nobody may make it again.
        this.#made.set(object.metadata.uid, step.cluster)
        this.#world.kafka.forget(object.metadata.uid)
        const { topic: name, cluster } = step
        const remains = { of: 'Broker', object, name, cluster, giveUp: seen.forced } as const
        return (await deleteRemains(remains, this.#world, signal)) ?? this.#release(object, hasFinalizer, signal)
      }
      case 'release':
        return this.#release(object, hasFinalizer, signal)
      default:
        return never(step)
    }
  }

  async #release(object: StoredObject, hasFinalizer: boolean, signal: AbortSignal): Promise<Outcome> {
    if (hasFinalizer) {
      // The cache may not show an Inlet yet that we wrote a moment ago, and nobody is left to look after it then.
      if (await this.#deleteInlet(object, signal)) return { kind: 'waiting', afterMs: 500 }
      await release(this.#world.client, 'broker', object, signal)
    }
    return { kind: 'settled' }
  }
}

function notOurs(uid: string): BrokerCondition {
  return fails('DataPlaneAvailable', 'NotOurs', `an Inlet ${uid} exists that Millrace did not make; delete it`)
}
