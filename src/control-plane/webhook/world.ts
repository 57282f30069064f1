import { randomUUID } from 'node:crypto'
import { brokerClass } from '../../api/broker.ts'
import { type KubeClient, type ObjectName, type Resource, type StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { sourceGroup } from '../names.ts'
import { brokerDefaults, brokerDefaultsName, type BrokerDefaults } from './admit/broker-defaults.ts'
import type { NamedClass } from './admit/trigger.ts'

/** What admission has to know besides the object itself. */
export interface AdmissionWorld {
  defaults(signal: AbortSignal): Promise<BrokerDefaults>
  /** Null: there is no such Broker, or it cannot be told now. */
  brokerClass(broker: ObjectName, signal: AbortSignal): Promise<NamedClass>
  /** A name for the consumer group of a KafkaSource that nobody has used. */
  newGroup(): string
}

/** What the world is seen through. */
export interface WorldParts {
  readonly client: KubeClient
  /** Of all namespaces. */
  readonly brokers: Store
  /** Of the system namespace; more does no harm. */
  readonly configMaps: Store
  /** The system namespace. */
  readonly namespace: string
  readonly logger: Logger
}

/**
 *     store ── has it ──► answer
 *       └─ has it not ──► ask the API server: a Broker and its Triggers are often applied in one breath, ahead of any cache
 *                            └─ no answer ──► as if it were not there: a finalizer too many is taken away by the reconciler, one too few loses track
 */
export function admissionWorld({ client, brokers, configMaps, namespace, logger }: WorldParts): AdmissionWorld {
  const ask = async (
    resource: Resource,
    key: ObjectName,
    read: () => Promise<StoredObject | null | undefined>,
  ): Promise<StoredObject | null> => {
    try {
      return (await read()) ?? null
    } catch (error) {
      logger.warn(
        { err: error, kind: resource.kind, ...key },
        'admission goes on without an object that it could not read',
      )
      return null
    }
  }
  // By name in a list: the controller may list ConfigMaps, and then needs no right to get each.
  const inList = async ({ name }: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> =>
    (await client.list(kinds.configMap, { namespace, fieldSelector: `metadata.name=${name}` }, signal)).items[0]
  return {
    async defaults(signal) {
      const key = { namespace, name: brokerDefaultsName }
      const found = configMaps.synced ? configMaps.get(key) : await ask(kinds.configMap, key, () => inList(key, signal))
      return brokerDefaults(found?.['data'] as Readonly<Record<string, string>> | undefined)
    },
    async brokerClass(key, signal) {
      if (!isName(key.name) || !isName(key.namespace)) return null
      const found = brokers.get(key) ?? (await ask(kinds.broker, key, () => client.get(kinds.broker, key, signal)))
      return found == null ? null : classOf(found)
    },
    newGroup: () => sourceGroup(randomUUID()),
  }
}

function classOf({ metadata: { annotations } }: StoredObject): string {
  return brokerClass({ annotations: { ...annotations } })
}

/** What stands in a Trigger may be anything: it becomes part of a path. */
function isName(name: string): boolean {
  return /^[a-z0-9][-a-z0-9.]*$/.test(name)
}
