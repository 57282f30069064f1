import { brokerClass } from '../api/broker.ts'
import { credentialsNamespace } from '../contract/credential.ts'
import type { KafkaCluster } from '../contract/source.ts'
import type { Clock } from '../core/clock.ts'
import { inTime } from '../core/deadline.ts'
import type { LogAdmin } from '../kafka/log.ts'
import type { KubeClient } from '../kube/client.ts'
import { startController, type Controller } from '../kube/controller.ts'
import type { EventRecorder } from '../kube/events.ts'
import { kinds } from '../kube/kinds.ts'
import type { LoopObserver } from '../kube/loop-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'
import { clusterAddresses } from './addresses.ts'
import { BrokerBoard } from './board.ts'
import { BrokerReconciler } from './broker/reconciler.ts'
import type { CredentialOwner, CredentialSource } from './credentials/credentials.ts'
import { KeptCredentials } from './credentials/kept-credentials.ts'
import { FollowedMainCluster, type MainCluster } from './credentials/main-cluster.ts'
import { credentialsNamed } from './credentials/named.ts'
import { ContractVersions } from './contract-versions.ts'
import { Fleet } from './fleet.ts'
import { ForeignKinds } from './foreign-kinds.ts'
import { KnownAddress, type IngressAddress } from './ingress-address.ts'
import { startInformers, type Informers } from './informers.ts'
import { SourceGroups } from './kafka-source/groups.ts'
import { SourceOutlets } from './kafka-source/outlets.ts'
import { KafkaSourceReconciler } from './kafka-source/reconciler.ts'
import { NameIndex } from './name-index.ts'
import { References } from './references.ts'
import { Bindings } from './sink-binding/bindings.ts'
import { Contest } from './sink-binding/contest.ts'
import { SinkBindingReconciler } from './sink-binding/reconciler.ts'
import { SubjectKinds } from './sink-binding/subject-kinds.ts'
import { SugarReconciler } from './sugar/reconciler.ts'
import { sweep } from './sweep.ts'
import { KafkaClusters } from './topics/kafka-clusters.ts'
import { TriggerReconciler } from './trigger/reconciler.ts'
import { KindRules } from './webhook/kind-rules.ts'
import { Wiring } from './wiring.ts'
import { AwaitedVersions, type World } from './world.ts'

/** How long credentials are waited for, milliseconds. */
const credentialsMs = 10_000
/** How often Inlets and Outlets without a source are looked for, milliseconds. */
const sweepMs = 600_000

export interface ControlPlaneOptions {
  readonly client: KubeClient
  /** The system namespace. */
  readonly namespace: string
  /**
   * The administration of a Kafka cluster; `security`: what to sign in with, where its credential says that one does. Whoever hands it in keeps one for
   * each cluster, and closes them after the end.
   */
  readonly admins: (cluster: KafkaCluster, security: CredentialSource | undefined) => LogAdmin
  /** Told that one is not used any more, to close it; asked for again it is opened anew. */
  readonly letGo?: (cluster: KafkaCluster) => void
  readonly events: EventRecorder
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
  /** Whether the addresses of Brokers lead to our ingress. Default: they do. */
  readonly ingressAddress?: IngressAddress
  /** Default `cluster.local`. */
  readonly clusterDomain?: string
  /** Where credentials are kept for the workers. Default: {@link credentialsNamespace}. */
  readonly credentialsNamespace?: string
  /** Objects of one kind that are worked on at once. Default 16. */
  readonly concurrency?: number
  /** Hears of the loop of each controller, by its name. */
  readonly observe?: ((controller: string) => LoopObserver) | undefined
}

export interface ControlPlane {
  /** All caches are filled, and nothing is left to do now. */
  readonly idle: boolean
  /** Where the workers meet. */
  readonly mainCluster: MainCluster
  /** Resolves when it was ended and nothing runs any more. */
  readonly done: Promise<void>
}

/**
 * Brokers, Triggers, KafkaSources and SinkBindings of a cluster, as long as we lead: one process at a time runs this.
 *
 *     informers ──► wiring (what changed → whose keys) ──► controllers: Broker, Trigger, KafkaSource, namespace, SinkBinding ──► Inlets, Outlets, workloads, status
 *                                    ▲
 *     topics, fleet, board ──────────┘
 */
export function startControlPlane(options: ControlPlaneOptions): ControlPlane {
  const informers = startInformers({ credentialsNamespace, ...options })
  const bindings = new Bindings(informers.sinkBindings)
  const wiring = new Wiring(informers, bindings, options.signal)
  const { world, mainCluster } = makeWorld(options, informers, wiring)
  wiring.connect(world)
  const binding = bindingParts(options, informers, world, wiring, bindings)
  // Those of SinkBindings and KafkaSources may be missing for a while, in an upgrade: their controllers wait for them alone.
  const { sinkBindings: _, kafkaSources: __, credentials, ...needed } = informers
  // And who may not look where credentials are, for manifests of another version stand, still serves those who need none.
  const known = inTime(credentials.ready(), { ms: credentialsMs, signal: options.signal })
  const all = [known, ...Object.values(needed).map((informer) => informer.ready())]
  const running = Promise.all(all).then(
    () => {
      if (options.signal.aborted) return []
      mainCluster.look()
      return startControllers(options, informers, world, wiring, binding)
    },
    () => [], // ended before
  )
  let controllers: readonly Controller[] | undefined
  const done = running.then(async (started) => {
    controllers = started
    await Promise.all(started.map((controller) => controller.done))
  })
  return {
    get idle() {
      return controllers?.every((controller) => controller.idle) === true
    },
    mainCluster,
    done,
  }
}

function makeWorld(
  options: ControlPlaneOptions,
  informers: Informers,
  wiring: Wiring,
): { world: World; mainCluster: FollowedMainCluster } {
  const { client, namespace, events, clock, signal, clusterDomain = 'cluster.local' } = options
  const logger = options.logger.child({ room: 'control-plane' })
  const references = new References()
  const changed = wiring.referrersChanged
  const foreign = new ForeignKinds({ client, crds: informers.crds, references, clock, logger, signal, changed })
  const ingressUrl = `http://kafka-broker-ingress.${namespace}.svc.${clusterDomain}`
  const { services, brokers, workers, pods } = informers
  const { ingressAddress = new KnownAddress() } = options
  signal.addEventListener('abort', ingressAddress.subscribe(wiring.addressChanged), { once: true })
  const credentials: KeptCredentials = new KeptCredentials({
    ...{ client, system: namespace, store: informers.credentials, clock, logger, signal },
    namespace: options.credentialsNamespace ?? credentialsNamespace,
    changed: (owner: CredentialOwner) =>
      owner.kind === 'ConfigMap' ? mainCluster.look() : wiring.credentialChanged(owner),
    named: () => credentialsNamed(informers, kafka),
  })
  const kafka: KafkaClusters = new KafkaClusters({
    ...options,
    logger,
    changed: wiring.topicsChanged,
    viewed: wiring.topicsViewed,
    admins: (cluster) => options.admins(cluster, credentials.source(cluster)),
  })
  const mainCluster = new FollowedMainCluster({
    ...{ configMaps: informers.configMaps, credentials, system: namespace, logger, signal },
  })
  const world: World = {
    client,
    namespace,
    ingressUrl,
    ingressAddress: () => ingressAddress.current(),
    clock,
    logger,
    events,
    stores: informers,
    kafka,
    credentials,
    fleet: new Fleet({ workers, pods, changed: wiring.fleetChanged }),
    inletVersions: new ContractVersions(informers.inlets),
    outletVersions: new ContractVersions(informers.outlets),
    topicNames: new NameIndex(),
    groupNames: new NameIndex(),
    sourceGroups: new SourceGroups(),
    sourceOutlets: new SourceOutlets(informers.outlets),
    references,
    resolve: clusterAddresses({ services, brokers, foreign, ingressUrl, clusterDomain }),
    board: new BrokerBoard(wiring.brokerChanged),
    awaiting: { ingress: new AwaitedVersions(), dispatcher: new AwaitedVersions(), source: new AwaitedVersions() },
  }
  return { world, mainCluster }
}

type BindingParts = ConstructorParameters<typeof SinkBindingReconciler>[0]

function bindingParts(
  { client, namespace, clock, signal }: ControlPlaneOptions,
  { crds, namespaces }: Informers,
  { logger, references, resolve }: World,
  wiring: Wiring,
  bindings: Bindings,
): BindingParts {
  const contest = new Contest(clock)
  const changed = wiring.referrersChanged
  const gone = (uid: string): void => contest.forget(uid)
  const rules = new KindRules({ client, wanted: () => subjects.foreign(), clock, logger, signal })
  const kindsChanged = rules.look
  const subjects = new SubjectKinds({ client, crds, bindings, clock, logger, signal, changed, kindsChanged, gone })
  return { client, namespace, namespaces, references, resolve, bindings, subjects, contest, clock }
}

function startControllers(
  options: ControlPlaneOptions,
  informers: Informers,
  world: World,
  wiring: Wiring,
  binding: BindingParts,
): readonly Controller[] {
  const { client, namespace, clock, logger, events, signal, observe, concurrency = 16 } = options
  const common = { client, clock, logger, events, signal, observe, concurrency }
  const { brokers, triggers, namespaces } = informers
  const broker = startController({
    ...common,
    name: 'broker',
    resource: kinds.broker,
    store: brokers,
    reconciler: new BrokerReconciler(world),
    wants: ({ metadata }) => brokerClass(metadata) === 'Kafka',
  })
  const trigger = startController({
    ...common,
    name: 'trigger',
    resource: kinds.trigger,
    store: triggers,
    reconciler: new TriggerReconciler(world),
  })
  const sugar = startController({
    ...common,
    name: 'sugar',
    resource: kinds.namespace,
    store: namespaces,
    reconciler: new SugarReconciler({ client, namespace, brokers, configMaps: informers.sugar, events, logger }),
  })
  const kafkaSource = startController({
    ...common,
    name: 'kafkasource',
    resource: kinds.kafkaSource,
    store: informers.kafkaSources,
    reconciler: new KafkaSourceReconciler(world),
  })
  const sinkBinding = startController({
    ...common,
    name: 'sinkbinding',
    resource: kinds.sinkBinding,
    store: informers.sinkBindings,
    reconciler: new SinkBindingReconciler(binding),
  })
  wiring.start({ broker, trigger, kafkaSource, sugar, sinkBinding })
  binding.subjects.lookThrough()
  const clean = () => void sweep({ client, ...informers, logger, signal })
  clean()
  const timer = setInterval(clean, sweepMs)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  return [broker, trigger, kafkaSource, sugar, sinkBinding]
}
