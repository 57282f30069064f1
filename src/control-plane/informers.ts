import type { Clock } from '../core/clock.ts'
import type { KubeClient, Resource, Selection, StoredObject } from '../kube/client.ts'
import { startInformer, type Informer } from '../kube/informer.ts'
import { kinds } from '../kube/kinds.ts'
import type { Logger } from '../telemetry/logger.ts'
import { keepKafkaData } from './broker/kafka-config.ts'
import { keepCrd } from './foreign-kinds.ts'
import { sugarName } from './sugar/injection.ts'

interface Parts {
  readonly client: KubeClient
  readonly namespace: string
  /** Where credentials are kept for the workers. */
  readonly credentialsNamespace: string
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** All that the control plane keeps a copy of, each no larger than what is read of it. */
export function startInformers({ namespace, credentialsNamespace, ...parts }: Parts) {
  const start = (resource: Resource, selection?: Selection, keep?: (object: StoredObject) => StoredObject): Informer =>
    startInformer({ ...parts, resource, selection, keep })
  const system = { namespace }
  return {
    brokers: start(kinds.broker, undefined, withoutCopy),
    triggers: start(kinds.trigger, undefined, withoutCopy),
    sinkBindings: start(kinds.sinkBinding, undefined, withoutCopy),
    kafkaSources: start(kinds.kafkaSource, undefined, withoutCopy),
    inlets: start(kinds.inlet, system),
    outlets: start(kinds.outlet, system),
    workers: start(kinds.worker, system),
    pods: start(kinds.pod, { ...system, labelSelector: 'app.kubernetes.io/name=millrace' }, keepReadiness),
    services: start(kinds.service, undefined, keepPorts),
    configMaps: start(kinds.configMap, undefined, keepKafkaData),
    credentials: start(kinds.secret, { namespace: credentialsNamespace }),
    sugar: start(kinds.configMap, { ...system, fieldSelector: `metadata.name=${sugarName}` }),
    namespaces: start(kinds.namespace, { metadataOnly: true }),
    crds: start(kinds.crd, undefined, keepCrd),
  }
}
export type Informers = ReturnType<typeof startInformers>

const copyAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** What kubectl keeps for itself is as large as the object. */
function withoutCopy(object: StoredObject): StoredObject {
  const { [copyAnnotation]: copy, ...annotations } = object.metadata.annotations ?? {}
  return copy === undefined ? object : { ...object, metadata: { ...object.metadata, annotations } }
}

function keepReadiness({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const { conditions = [] } = (rest['status'] ?? {}) as { conditions?: { type: string; status: string }[] }
  const ready = conditions.filter(({ type }) => type === 'Ready').map(({ type, status }) => ({ type, status }))
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, status: { conditions: ready } }
}

interface Port {
  readonly port: number
  readonly name?: string
  readonly appProtocol?: string
}

function keepPorts({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const { type, ports = [] } = (rest['spec'] ?? {}) as { type?: string; ports?: Port[] }
  const spec = {
    type,
    ports: ports.map(({ port, name: called, appProtocol }) => ({ port, name: called, appProtocol })),
  }
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, spec }
}
