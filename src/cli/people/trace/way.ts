import type { Outlet } from '../../../contract/outlet.ts'
import type { Witness } from './ask.ts'

/** A topic of Kafka that events stand in, and whose it is. */
export interface KnownTopic {
  readonly topic: string
  /** `clusterId`; absent: the one that the workers know. */
  readonly cluster?: string
  /** `Broker`, `KafkaSource`. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** Why somebody cannot be asked. */
export interface Silent {
  readonly name: string
  readonly why: string
}

/** How to those who remember: `millrace dev` on this machine, or a cluster. */
export interface Way {
  /** For messages: `the millrace dev at http://127.0.0.1:8090`, `the cluster at https://…`. */
  readonly where: string
  readonly kind: 'dev' | 'cluster'
  readonly witnesses: readonly Witness[]
  /** There, but not to be asked. */
  readonly silent: readonly Silent[]
  /** What Brokers and KafkaSources there are, as far as we may look. */
  readonly topics: readonly KnownTopic[]
  /** What reads them, as far as we may look. */
  readonly outlets: readonly Outlet[]
  /** Where Kafka is searched when nobody remembers: in this namespace. Null: in all. */
  readonly namespace: string | null
  close(): void
}
