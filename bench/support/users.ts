import { apiVersionOf, type KubeClient, type Resource, type StoredObject } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { eventually } from '../../test/support/eventually.ts'
import { forEach } from './at-once.ts'

export const brokers = 100
const namespaces = 10
/** Requests of the users under way at once. */
export const usersAtOnce = 16

const forever = new AbortController().signal

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
    void this.#follow(kinds.broker)
    void this.#follow(kinds.trigger)
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

  /** From the API server's list, so that nothing is missed. */
  async #follow(resource: Resource & { readonly kind: string }): Promise<void> {
    const ready = this.#ready[resource.kind as 'Broker' | 'Trigger']
    const { signal } = this.#stop
    const look = ({ metadata, ...rest }: StoredObject): void => {
      const { conditions = [] } = (rest['status'] ?? {}) as { conditions?: { type: string; status: string }[] }
      const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
      if (isReady) ready.add(metadata.uid)
      else ready.delete(metadata.uid)
    }
    while (!signal.aborted) {
      try {
        const { items, resourceVersion } = await this.#client.list(resource, {}, signal)
        items.forEach(look)
        await this.#client.watch(
          resource,
          { resourceVersion, timeoutSeconds: 3_600 },
          (event) => event.type !== 'bookmark' && look(event.object),
          signal,
        )
      } catch (error) {
        if (!signal.aborted) console.error(`following ${resource.plural}: ${String(error)}`)
      }
    }
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
