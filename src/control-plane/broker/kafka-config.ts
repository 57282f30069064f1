import { fails } from '../../api/meta/condition.ts'
import type { Broker, BrokerCondition } from '../../api/broker.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import type { Store } from '../../kube/store.ts'

/** The ConfigMap of the system namespace that says where Kafka is for all Brokers that name none. */
export const kafkaConfigName = 'kafka-broker-config'

const serversKey = 'bootstrap.servers'
const secretKey = 'auth.secret.ref.name'
const secretName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const server = /^(?:[a-zA-Z0-9._-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/

/** Where Kafka is, and what the ConfigMaps say of topics. */
export interface KafkaConfig {
  readonly data: Readonly<Record<string, unknown>>
  readonly bootstrapServers?: string
  /** The Secret to sign in with; absent: nothing is to be said. */
  readonly secret?: ObjectName
  /** Why it cannot be used: the condition ConfigParsed. */
  readonly fault?: BrokerCondition
}

/** Which ConfigMap a Broker names. */
export function configRef(broker: Broker, namespace: string): ObjectName | undefined {
  const config = broker.spec?.config
  return config === undefined ? undefined : { namespace: config.namespace || namespace, name: config.name }
}

/**
 *     ConfigMap that spec.config names (`ref`), key by key over
 *     ConfigMap kafka-broker-config of the system namespace, over
 *     defaults in code (the address of Kafka has none)
 *
 * `auth.secret.ref.namespace` is not read, as in Knative: see {@link secretOf}.
 */
export function kafkaConfig(ref: ObjectName | undefined, system: string, configMaps: Store): KafkaConfig {
  const shared = dataOf(configMaps.get({ namespace: system, name: kafkaConfigName }))
  const named = ref === undefined ? {} : dataOf(configMaps.get(ref))
  const data = { ...shared, ...named }
  if (ref !== undefined && named === undefined) {
    const message = `spec.config names ConfigMap ${ref.namespace}/${ref.name}, which does not exist; apply it with data like bootstrap.servers, default.topic.partitions and default.topic.replication.factor`
    return { data, fault: fails('ConfigParsed', 'ConfigMapNotFound', message) }
  }
  const where =
    ref !== undefined && serversKey in (named ?? {}) ? `${ref.namespace}/${ref.name}` : `${system}/${kafkaConfigName}`
  const servers = textOf(data[serversKey])
  if (servers === '') return { data, fault: notConfigured(system, shared !== undefined) }
  const wrong = servers.split(',').find((part) => !isServer(part))
  if (wrong !== undefined)
    return { data, fault: invalid(where, `${serversKey} has ${JSON.stringify(wrong)}; it must be host:port,host:port`) }
  const secret = secretOf(named ?? {}, ref?.namespace ?? '') ?? secretOf(shared ?? {}, system)
  if (secret === undefined || secret.name === '') return { data, bootstrapServers: servers }
  if (!secretName.test(secret.name))
    return {
      data,
      fault: invalid(where, `${secretKey} is ${JSON.stringify(secret.name)}, which is no name of a Secret`),
    }
  return { data, bootstrapServers: servers, secret }
}

/**
 * The Secret that a ConfigMap names, in the namespace of that ConfigMap; undefined: it says nothing of Kafka, and the next one counts. One that says where
 * Kafka is also says how to sign in there: nobody may have the password of the system sent to servers of his own.
 */
function secretOf(data: Readonly<Record<string, unknown>>, namespace: string): ObjectName | undefined {
  if (!(secretKey in data) && textOf(data[serversKey]) === '') return undefined
  const name = data[secretKey]
  return { namespace, name: typeof name === 'string' ? name.trim() : '' }
}

function isServer(text: string): boolean {
  const port = Number(server.exec(text)?.[1])
  return port >= 1 && port <= 65_535
}

function invalid(configMap: string, problem: string): BrokerCondition {
  return fails('ConfigParsed', 'ConfigInvalid', `ConfigMap ${configMap}: ${problem}`)
}

function notConfigured(system: string, exists: boolean): BrokerCondition {
  const example = 'my-cluster-kafka-bootstrap.kafka:9092'
  const patch = JSON.stringify({ data: { [serversKey]: example } })
  const command = exists
    ? `kubectl patch configmap ${kafkaConfigName} -n ${system} --type merge -p '${patch}'`
    : `kubectl create configmap ${kafkaConfigName} -n ${system} --from-literal=${serversKey}=${example}`
  const message = `no one has said where Kafka is; with the address of yours: ${command}`
  return fails('ConfigParsed', 'KafkaNotConfigured', message)
}

function dataOf(configMap: StoredObject | undefined): Readonly<Record<string, unknown>> | undefined {
  return configMap === undefined ? undefined : ((configMap['data'] ?? {}) as Record<string, unknown>)
}

/** Without the blanks and empty parts that people leave between addresses. */
function textOf(value: unknown): string {
  if (typeof value !== 'string') return ''
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(',')
}

/** Of ConfigMaps anywhere only what we read: the others may be large. */
export function keepKafkaData({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const entries = Object.entries((rest['data'] ?? {}) as Record<string, unknown>)
  const ours = entries.filter(([key]) => key === serversKey || key === secretKey || key.startsWith('default.topic.'))
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, data: Object.fromEntries(ours) }
}
