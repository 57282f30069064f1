import type { Clock } from '../../core/clock.ts'
import { startController, type Controller } from '../../kube/controller.ts'
import type { ObjectName, Resource } from '../../kube/client.ts'
import { startInformer } from '../../kube/informer.ts'
import { kinds } from '../../kube/kinds.ts'
import type { LoopObserver } from '../../kube/loop-metrics.ts'
import type { Store } from '../../kube/store.ts'
import type { MainCluster } from '../credentials/main-cluster.ts'
import { settingsName } from './settings.ts'
import { tracingNames } from './tracing.ts'
import { workersReconciler } from './reconciler.ts'
import type { WorkersReconcilerOptions } from './reconciler.ts'

export interface WorkersOptions extends Omit<
  WorkersReconcilerOptions,
  'stores' | 'events' | 'mainCluster' | 'tracingMaps'
> {
  readonly mainCluster?: Pick<MainCluster, 'current' | 'subscribe' | 'ready'>
  readonly events: Parameters<typeof startController>[0]['events']
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Hears of the loop. */
  readonly observe?: ((controller: string) => LoopObserver) | undefined
}

/** How often all is looked at without a reason, milliseconds. */
const againMs = 600_000

const childResources: readonly Resource[] = [
  kinds.deployment,
  kinds.statefulSet,
  kinds.service,
  kinds.podDisruptionBudget,
]

/**
 * Keeps the workers' objects as the ConfigMap {@link settingsName} says, and {@link tracingNames} of traces, until `signal` aborts. For the leader alone. Any change of a child, or of
 * the ConfigMap, leads to one look at all of them; when all is as it shall be nothing is written.
 */
export async function startWorkers(options: WorkersOptions): Promise<Controller> {
  const { client, namespace, clock, logger, signal } = options
  const informer = (resource: Resource, fieldSelector?: string) => {
    const selection = { namespace, ...(fieldSelector === undefined ? {} : { fieldSelector }) }
    return startInformer({ client, resource, selection, clock, logger, signal })
  }
  const configMaps = informer(kinds.configMap, `metadata.name=${settingsName}`)
  const tracing = Object.values(tracingNames).map((name) => informer(kinds.configMap, `metadata.name=${name}`))
  const informers = childResources.map((resource) => [resource, informer(resource)] as const)
  const { mainCluster } = options
  // not before it is known: dispatchers would be started anew when it is
  const all = [configMaps, ...tracing, ...informers.map(([, store]) => store)]
  await Promise.all([mainCluster?.ready(), ...all.map((store) => store.ready())])
  const stores = new Map<Resource, Store>(informers)
  const tracingMaps = { get: (name: ObjectName) => tracing.map((store) => store.get(name)).find(Boolean) }
  const key = { namespace, name: settingsName }
  const controller = startController({
    ...options,
    name: 'workers',
    resource: kinds.configMap,
    store: configMaps,
    reconciler: workersReconciler({ ...options, stores, tracingMaps }),
    concurrency: 1,
  })
  for (const store of [...tracing, ...stores.values()]) store.subscribe(() => controller.enqueue(key))
  const unsubscribe = mainCluster?.subscribe(() => controller.enqueue(key))
  if (unsubscribe !== undefined) signal.addEventListener('abort', unsubscribe, { once: true })
  // what is not watched: the Secret of lineage
  const again = setInterval(() => controller.enqueue(key), againMs)
  again.unref()
  signal.addEventListener('abort', () => clearInterval(again), { once: true })
  // The ConfigMap may not exist; the workers do all the same.
  controller.enqueue(key)
  return controller
}
