import type { KubeClient, ObjectName, StoredObject } from '../../kube/client.ts'
import { isFault } from '../../kube/faults.ts'
import { apiVersionOf } from '../../kube/client.ts'
import type { EventRecorder } from '../../kube/events.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Outcome, Reconciler } from '../../kube/reconciler.ts'
import type { Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { namespaceSelector, sugarName, wantsBroker } from './injection.ts'

/** What the Broker of a namespace is called. */
const brokerName = 'default'

export interface SugarOptions {
  readonly client: KubeClient
  /** The system namespace. */
  readonly namespace: string
  readonly brokers: Store
  /** With the data of {@link sugarName}. */
  readonly configMaps: Store
  readonly events: EventRecorder
  readonly logger: Logger
}

/** Gives namespaces that ask for it a Broker `default`. One that is there stays as it is, and none is ever deleted. */
export class SugarReconciler implements Reconciler {
  readonly #options: SugarOptions
  #problem: string | undefined

  constructor(options: SugarOptions) {
    this.#options = options
  }

  async reconcile(key: ObjectName, object: StoredObject | undefined, signal: AbortSignal): Promise<Outcome> {
    const { brokers, namespace, configMaps } = this.#options
    const configMap = configMaps.get({ namespace, name: sugarName })
    const { selector, problem } = namespaceSelector(configMap)
    this.#complain(configMap, problem)
    const broker = { namespace: key.name, name: brokerName }
    if (object === undefined || !wantsBroker(object, selector) || brokers.get(broker) !== undefined)
      return { kind: 'settled' }
    await this.#create(broker, signal)
    return { kind: 'settled' }
  }

  async #create(name: ObjectName, signal: AbortSignal): Promise<void> {
    const { client, events } = this.#options
    const object = { apiVersion: apiVersionOf(kinds.broker), kind: kinds.broker.kind, metadata: name }
    try {
      const created = await client.create(kinds.broker, object, signal)
      events.event(
        created,
        'Normal',
        'BrokerCreated',
        `Broker ${brokerName} was made, since namespace ${name.namespace} asks for one`,
      )
    } catch (error) {
      // A user was faster.
      if (!isFault(error, 'ApiAlreadyExists')) throw error
    }
  }

  /** Said once. */
  #complain(configMap: StoredObject | undefined, problem: string | undefined): void {
    if (configMap !== undefined && problem !== undefined && problem !== this.#problem) {
      const message = `${problem}; until that is corrected it selects no namespace, and labels of namespaces alone count`
      this.#options.events.event(configMap, 'Warning', 'SelectorInvalid', message)
      this.#options.logger.warn({ configMap: sugarName, problem }, 'selects no namespace')
    }
    this.#problem = problem
  }
}
