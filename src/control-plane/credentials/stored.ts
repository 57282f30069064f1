import { Credential, credentialKey } from '../../contract/credential.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { Fault } from '../../core/fault.ts'
import { applyChild, managedBy } from '../../kube/child.ts'
import type { KubeClient, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Store } from '../../kube/store.ts'
import { fieldManager } from '../world.ts'
import type { CredentialSource } from './credentials.ts'

/** What it was made of, for people. */
const originAnnotation = 'millrace.dev/made-of'
/** Which servers it may be said to. */
const serversAnnotation = 'millrace.dev/bootstrap-servers'

export interface StoredCredentialsOptions {
  readonly client: KubeClient
  /** All Secrets of `namespace`. */
  readonly store: Store
  readonly namespace: string
}

interface StoredCredential {
  readonly bootstrapServers: string
  readonly credential: Credential
}

/** The Secrets that workers read: written by us alone. */
export class StoredCredentials {
  readonly #options: StoredCredentialsOptions
  /** Of those that were written and are not in the store yet. */
  readonly #written = new Map<string, StoredCredential>()
  readonly #listeners = new Map<string, Set<() => void>>()

  constructor(options: StoredCredentialsOptions) {
    this.#options = options
    options.store.subscribe(({ object }) => {
      this.#written.delete(object.metadata.name)
      this.#tell(object.metadata.name)
    })
  }

  /** Writes it where it differs. @throws what the API server says; Fault ApiRefused when another one has this name. */
  async put(name: string, stored: StoredCredential, madeOf: string, signal: AbortSignal): Promise<void> {
    const { client, store, namespace } = this.#options
    const data = { [credentialKey]: Buffer.from(JSON.stringify(stored.credential)).toString('base64') }
    const labels = { 'app.kubernetes.io/name': 'millrace' }
    const annotations = { [originAnnotation]: madeOf, [serversAnnotation]: stored.bootstrapServers }
    const metadata = { namespace, name, annotations }
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }
    const options = { client, store, owner: { labels }, fieldManager, signal, storeIsWhole: true }
    const applied = await applyChild(options, kinds.secret, secret)
    if (applied === 'notOurs')
      throw new Fault('ApiRefused', `Secret ${namespace}/${name} exists and is not of Millrace; delete it`)
    if (applied === 'unchanged') return
    this.#written.set(name, stored)
    this.#tell(name)
  }

  /** Whether what this cluster is asked with is there, and is for these servers. */
  has({ bootstrapServers, credential: name }: KafkaCluster): boolean {
    return name === undefined || this.#find(name)?.bootstrapServers === bootstrapServers
  }

  source({ bootstrapServers, credential: name }: KafkaCluster): CredentialSource | undefined {
    if (name === undefined) return undefined
    const current = (): Credential => {
      const stored = this.#find(name)
      const secret = `Secret ${this.#options.namespace}/${name}`
      if (stored === undefined) throw new Fault('CredentialNotFound', `what to sign in with, ${secret}, is not there`)
      if (stored.bootstrapServers !== bootstrapServers)
        throw new Fault('CredentialNotFound', `${secret} is not for ${bootstrapServers}, and is not said to it`)
      return stored.credential
    }
    return { current, subscribe: (listener) => this.#subscribe(name, listener) }
  }

  /** Those that we made. */
  all(): readonly StoredObject[] {
    const [label, value] = Object.entries(managedBy)[0] ?? ['', '']
    return [...this.#options.store.all()].filter(({ metadata }) => metadata.labels?.[label] === value)
  }

  /** Only this one, not another that was made under its name meanwhile. */
  async remove({ metadata }: StoredObject, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#options
    await client.delete(kinds.secret, { namespace, name: metadata.name }, signal, { uid: metadata.uid })
  }

  #find(name: string): StoredCredential | undefined {
    const { store, namespace } = this.#options
    return this.#written.get(name) ?? storedIn(store.get({ namespace, name }))
  }

  #subscribe(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set<() => void>()
    // A function of its own: the same may subscribe twice.
    const told = (): void => listener()
    this.#listeners.set(name, listeners.add(told))
    return () => {
      listeners.delete(told)
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name)
    }
  }

  #tell(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) listener()
  }
}

/** Undefined where there is none, or none that we understand. */
function storedIn(secret: StoredObject | undefined): StoredCredential | undefined {
  const encoded = (secret?.['data'] as Record<string, string> | undefined)?.[credentialKey]
  if (encoded === undefined) return undefined
  try {
    const { success, data } = Credential.safeParse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')))
    const bootstrapServers = secret?.metadata.annotations?.[serversAnnotation] ?? ''
    return success ? { bootstrapServers, credential: data } : undefined
  } catch {
    return undefined // no JSON
  }
}
