import { isDeepStrictEqual } from 'node:util'
import { retryBackoffMs } from '../../core/backoff.ts'
import { Fault } from '../../core/fault.ts'
import { SharedAnswer } from '../../core/shared-answer.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { pause } from '../../kube/pause.ts'
import { nameOf, type Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { kafkaConfig, kafkaConfigName } from '../broker/kafka-config.ts'
import { kafkaCluster } from '../kafka-cluster.ts'
import { credentialName } from './credential-name.ts'
import { credentialOwner, type Credentials } from './credentials.ts'

/**
 * Port: the Kafka cluster of ConfigMap kafka-broker-config in the system namespace, and as whom it is asked: that of all Brokers that name no other.
 */
export interface MainCluster {
  /**
   * Undefined: nobody has said where Kafka is, or it was not looked yet. `credential` may not be stored yet: its name is known before the Secret that it is
   * made of is there.
   */
  current(): KafkaCluster | undefined
  /** Resolves when it was looked at for the first time, whatever was found. @throws Fault Closed when it was ended before. */
  ready(): Promise<void>
  /** Calls `listener` after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}

export interface MainClusterOptions {
  readonly configMaps: Store
  readonly credentials: Credentials
  /** The system namespace. */
  readonly system: string
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Follows the ConfigMap, and keeps its credential as long as it names one. */
export class FollowedMainCluster implements MainCluster {
  readonly #options: MainClusterOptions
  readonly #listeners = new Set<() => void>()
  readonly #answer: SharedAnswer<void>
  readonly #ready = Promise.withResolvers<void>()
  #current: KafkaCluster | undefined
  /** Of the ConfigMap. */
  #uid: string | undefined

  constructor(options: MainClusterOptions) {
    this.#options = options
    this.#answer = new SharedAnswer(() => this.#look())
    this.#ready.promise.catch(() => undefined) // nobody may be waiting
    const end = (): void => this.#ready.reject(new Fault('Closed', 'it was ended before Kafka was looked for'))
    options.signal.addEventListener('abort', end, { once: true })
    options.configMaps.subscribe(({ object }) => {
      const { namespace, name } = nameOf(object)
      if (namespace === options.system && name === kafkaConfigName) this.look()
    })
  }

  current(): KafkaCluster | undefined {
    return this.#current
  }

  ready(): Promise<void> {
    return this.#ready.promise
  }

  subscribe(listener: () => void): () => void {
    const told = (): void => listener()
    this.#listeners.add(told)
    return () => this.#listeners.delete(told)
  }

  /** The ConfigMap, or what its Secret comes to, changed. To be called first when the caches are filled. Never throws. */
  readonly look = (): void => {
    if (this.#options.configMaps.synced) void this.#answer.get()
  }

  async #look(): Promise<void> {
    const { signal, logger } = this.#options
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        this.#set(await this.#find())
        return this.#ready.resolve()
      } catch (error) {
        if (signal.aborted) return
        logger.warn({ err: error }, 'it is not known yet how to sign in to Kafka; trying again')
        await pause(retryBackoffMs(attempt), signal)
      }
    }
  }

  async #find(): Promise<KafkaCluster | undefined> {
    const { configMaps, credentials, system, signal } = this.#options
    const configMap = configMaps.get({ namespace: system, name: kafkaConfigName })
    if (this.#uid !== undefined && this.#uid !== configMap?.metadata.uid) credentials.forget(this.#uid)
    this.#uid = configMap?.metadata.uid
    const { bootstrapServers, secret } = kafkaConfig(undefined, system, configMaps)
    if (configMap === undefined || bootstrapServers === undefined) return undefined
    if (secret === undefined) {
      credentials.forget(configMap.metadata.uid)
      return { bootstrapServers }
    }
    const request = { kind: 'secret', ...secret } as const
    const verdict = await credentials.want(credentialOwner('ConfigMap', configMap), bootstrapServers, request, signal)
    const name = verdict.kind === 'none' ? undefined : credentialName(bootstrapServers, request)
    return kafkaCluster(bootstrapServers, name)
  }

  #set(cluster: KafkaCluster | undefined): void {
    if (isDeepStrictEqual(cluster, this.#current)) return
    this.#current = cluster
    for (const listener of this.#listeners) listener()
  }
}
