import type { KubeClient, Resource, StoredObject } from '../kube/client.ts'
import { kinds } from '../kube/kinds.ts'
import type { Store } from '../kube/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import { sourceOf } from './contract-object.ts'
import { sourceUidOf } from './names.ts'

export interface SweepOptions {
  readonly client: KubeClient
  readonly brokers: Store
  readonly triggers: Store
  readonly kafkaSources: Store & { readonly synced: boolean }
  readonly inlets: Store
  readonly outlets: Store
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * Deletes Inlets and Outlets whose source is gone: someone took its finalizer off by hand. All stores must be synced, but for that of KafkaSources. What the caches tell is
 * asked of the API server once more before anything goes. Never throws; what fails is tried with the next sweep.
 */
export async function sweep({
  client,
  brokers,
  triggers,
  kafkaSources,
  inlets,
  outlets,
  logger,
  signal,
}: SweepOptions): Promise<void> {
  await sweepKind(kinds.inlet, inlets, kinds.broker, brokers)
  await sweepKind(kinds.outlet, outlets, kinds.trigger, triggers)
  if (kafkaSources.synced) await sweepKind(kinds.outlet, outlets, kinds.kafkaSource, kafkaSources)

  async function sweepKind(resource: Resource, store: Store, sourceKind: Resource, sources: Store): Promise<void> {
    const uids = new Set([...sources.all()].map(({ metadata }) => metadata.uid))
    for (const object of store.all()) {
      if (signal.aborted) return
      if (uids.has(sourceUidOf(object.metadata.name))) continue
      await remove(resource, object, sourceKind).catch((error: unknown) => {
        logger.warn(
          { err: error, kind: resource.kind, name: object.metadata.name },
          'an orphan could not be removed yet',
        )
      })
    }
  }

  async function remove(resource: Resource, object: StoredObject, sourceKind: Resource): Promise<void> {
    const source = sourceOf(object)
    if (source === undefined || source.kind !== sourceKind.kind) return
    const live = await client.get(sourceKind, source.key, signal)
    if (live?.metadata.uid === sourceUidOf(object.metadata.name)) return
    const { namespace = '', name, uid } = object.metadata
    await client.delete(resource, { namespace, name }, signal, { uid })
    logger.info({ kind: resource.kind, name, source }, 'removed: its source is gone')
  }
}
