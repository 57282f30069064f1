import type { KafkaCluster } from '../contract/source.ts'

/** Without a credential where there is none: objects of the API server compare by what they have. */
export function kafkaCluster(bootstrapServers: string, credential: string | undefined): KafkaCluster {
  return credential === undefined ? { bootstrapServers } : { bootstrapServers, credential }
}

/** Keys of `status.annotations` that say which Kafka cluster is in use, and as whom it is asked. */
export const clusterInUse = { bootstrapServers: 'bootstrap.servers', credential: 'auth.credential' } as const

/** What `status.annotations` say of the cluster in use; undefined: nothing is. */
export function clusterIn(annotations: Readonly<Record<string, string>>): KafkaCluster | undefined {
  const bootstrapServers = annotations[clusterInUse.bootstrapServers]
  return bootstrapServers === undefined
    ? undefined
    : kafkaCluster(bootstrapServers, annotations[clusterInUse.credential])
}

/** The same, to be written. Keys that it has not are to go: what stood there was of another cluster. */
export function clusterAnnotations({ bootstrapServers, credential }: KafkaCluster): Readonly<Record<string, string>> {
  return {
    [clusterInUse.bootstrapServers]: bootstrapServers,
    ...(credential === undefined ? {} : { [clusterInUse.credential]: credential }),
  }
}

/** The cluster that `spec` of an Inlet or Outlet names. */
export function clusterOfContract(spec: unknown): KafkaCluster | undefined {
  const { bootstrapServers, credential } = (spec ?? {}) as Partial<KafkaCluster>
  return bootstrapServers === undefined ? undefined : kafkaCluster(bootstrapServers, credential)
}
