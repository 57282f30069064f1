import { apiVersionOf, type KubeClient, type Resource, type StoredObject } from '../../src/kube/client.ts'
import { startInformer } from '../../src/kube/informer.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../../test/support/eventually.ts'
import { forEach } from './at-once.ts'

export const brokers = 100
const namespaces = 10
/** Requests of the users under way at once. */
export const usersAtOnce = 16

const forever = new AbortController().signal
const logger = createLogger('warn')

export const namespaceOf = (index: number): string => `shop-${index % namespaces}`
/** Each namespace has as many Brokers. */
export const brokerOf = (index: number): string => `broker-${Math.floor(index / namespaces) % (brokers / namespaces)}`

/** Those who apply Brokers and Triggers, and look on until these are Ready. */
export class Users implements Disposable {
  readonly #client: KubeClient
  readonly #stop = new AbortController()
  /** UIDs. */
  readonly #ready = { Broker: new Set<string>(), Trigger: new Set<string>() }

  constructor(client: KubeClient) {
    this.#client = client
    this.#follow(kinds.broker)
    this.#follow(kinds.trigger)
  }

  async createNamespaces(): Promise<void> {
    await forEach(namespaces, usersAtOnce, (index) =>
      this.#create(kinds.namespace, { name: namespaceOf(index) }, undefined),
    )
  }

  async createBrokers(): Promise<void> {
    await forEach(brokers, usersAtOnce, (index) =>
      this.#create(kinds.broker, { namespace: namespaceOf(index), name: brokerOf(index) }, {}),
    )
  }

  /** Triggers that share out the Brokers. No event of ours passes their filter. */
  async createTriggers(name: string, count: number, url: string): Promise<void> {
    await forEach(count, usersAtOnce, (index) =>
      this.createTrigger(index, `${name}-${index}`, url, 'com.example.never'),
    )
  }

  createTrigger(index: number, name: string, url: string, type: string): Promise<StoredObject> {
    const spec = { broker: brokerOf(index), filter: { attributes: { type } }, subscriber: { uri: `${url}${name}` } }
    return this.#create(kinds.trigger, { namespace: namespaceOf(index), name }, spec)
  }

  async deleteTrigger(index: number, name: string): Promise<void> {
    await this.#client.delete(kinds.trigger, { namespace: namespaceOf(index), name }, forever)
  }

  /** Resolves when so many are Ready. */
  async ready(kind: 'Broker' | 'Trigger', count: number): Promise<void> {
    const of = (): string => `${this.#ready[kind].size} of ${count} ${kind}s are Ready`
    const withinMs = 30_000 + count * 200
    await eventually(`${kind}s Ready`, () => this.#ready[kind].size >= count, { withinMs, everyMs: 5 }).catch(() => {
      throw new Error(`gave up: ${of()}`)
    })
  }

  #follow(resource: Resource & { readonly kind: string }): void {
    const ready = this.#ready[resource.kind as 'Broker' | 'Trigger']
    const { signal } = this.#stop
    const informer = startInformer({ client: this.#client, resource, keep, clock, logger, signal })
    informer.subscribe(({ kind, object }) => {
      if (kind === 'set' && object['ready'] === true) ready.add(object.metadata.uid)
      else ready.delete(object.metadata.uid)
    })
  }

  #create(
    resource: Resource,
    metadata: { readonly namespace?: string; readonly name: string },
    spec: object | undefined,
  ): Promise<StoredObject> {
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...(spec && { spec }) }
    return this.#client.create(resource, object, forever)
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
  }
}

/** What we look at, and no more: there are thousands. */
function keep({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const { conditions = [] } = (rest['status'] ?? {}) as { conditions?: { type: string; status: string }[] }
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, ready }
}
