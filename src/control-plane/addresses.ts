import { brokerClass } from '../api/broker.ts'
import { never } from '../core/never.ts'
import { apiVersionOf, type Resource, type StoredObject } from '../kube/client.ts'
import type { Store } from '../kube/store.ts'
import type { ForeignKinds } from './foreign-kinds.ts'
import { groupKindName, groupKindOf } from './references.ts'
import { serviceUrl, type FullReference, type Missing, type Resolved, type ResolveReference } from './resolve.ts'

export interface AddressesOptions {
  readonly services: Store
  readonly brokers: Store
  readonly foreign: ForeignKinds
  /** Base URL of our ingress, without a slash at the end. */
  readonly ingressUrl: string
  /** `cluster.local`. */
  readonly clusterDomain: string
}

/**
 * Addresses of objects in a cluster:
 *
 *     Service (v1)                        http://<name>.<namespace>.svc.<cluster domain>; it must exist
 *     Broker of our class                 a path of our ingress
 *     any other Addressable               status.address.url, else the first of status.addresses
 */
export function clusterAddresses(options: AddressesOptions): ResolveReference {
  return (ref) => {
    const { group, kind } = groupKindOf(ref)
    if (group === '' && kind === 'Service') return service(ref, options)
    if (group === 'eventing.knative.dev' && kind === 'Broker') return broker(ref, options)
    return foreign(ref, options)
  }
}

interface ServiceSpec {
  readonly type?: string
  readonly ports?: readonly { readonly port: number; readonly name?: string; readonly appProtocol?: string }[]
}

type Port = NonNullable<ServiceSpec['ports']>[number]

/** Kubernetes' name for HTTP/2 without TLS (KEP-3726), and the name that Knative gives to ports that speak it. */
const speaksH2c = ({ name, appProtocol }: Port): boolean =>
  (appProtocol ?? name) === 'kubernetes.io/h2c' || (appProtocol ?? name) === 'h2c'

function service(ref: FullReference, { services, clusterDomain }: AddressesOptions): Resolved {
  const found = services.get(ref)
  if (found === undefined) return doesNotExist(ref)
  const url = serviceUrl(ref, clusterDomain)
  const { type, ports = [] } = (found['spec'] ?? {}) as ServiceSpec
  const reached = ports.find(({ port }) => port === 80)
  if (reached !== undefined && speaksH2c(reached)) return { url, protocol: 'h2c' }
  if (type === 'ExternalName' || reached !== undefined) return { url }
  const has = ports.length === 0 ? 'no port' : `port ${ports.map(({ port }) => port).join(', ')}`
  const advice = `add port 80, or use uri: ${url}:${ports[0]?.port ?? 8080} instead of ref`
  return { url, note: `Service ${ref.namespace}/${ref.name} has ${has}, and events go to port 80; ${advice}` }
}

function broker(ref: FullReference, { brokers, ingressUrl }: AddressesOptions): Resolved {
  const found = brokers.get(ref)
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return doesNotExist(ref)
  const { annotations = {} } = found.metadata
  // Ours are known before they have a status; so two that refer to each other do not wait for each other.
  if (brokerClass({ annotations }) === 'Kafka') return { url: `${ingressUrl}/${ref.namespace}/${ref.name}` }
  return addressIn(found, ref)
}

function foreign(ref: FullReference, { foreign: kinds }: AddressesOptions): Resolved {
  const view = kinds.view(groupKindOf(ref))
  switch (view.kind) {
    case 'known': {
      const found = view.store.get(ref)
      return found === undefined ? doesNotExist(ref) : addressIn(found, ref)
    }
    case 'notInstalled':
      return { missing: notInstalled(ref), reason: 'KindNotInstalled' }
    case 'loading':
      return { missing: `${ref.kind} ${ref.namespace}/${ref.name} is being looked up`, unknown: true }
    case 'forbidden':
      return { missing: forbidden(ref, view.resource), reason: 'ReferenceForbidden', unknown: true }
    default:
      return never(view)
  }
}

function doesNotExist({ kind, namespace, name }: FullReference): Missing {
  return { missing: `${kind} ${namespace}/${name} does not exist; apply it, or correct the ref` }
}

function notInstalled(ref: FullReference): string {
  const { group } = groupKindOf(ref)
  const builtIn = group === '' || !group.includes('.') || group.endsWith('.k8s.io')
  if (builtIn) return `${ref.kind} of ${ref.apiVersion} has no address; refer to a Service in front of it, or use uri`
  return `this cluster has no kind ${groupKindName({ group, kind: ref.kind })}; install it, or correct apiVersion and kind of the ref`
}

interface Address {
  readonly url?: string
  readonly CACerts?: string
}

interface AddressableStatus {
  readonly address?: Address
  readonly addresses?: readonly Address[]
}

function addressIn(found: StoredObject, { kind, namespace, name }: FullReference): Resolved {
  const { address, addresses } = (found['status'] ?? {}) as AddressableStatus
  const chosen = address?.url === undefined ? addresses?.find((each) => each.url !== undefined) : address
  const { url, CACerts } = chosen ?? {}
  if (url !== undefined && /^https?:/.test(url) && URL.canParse(url))
    return CACerts === undefined || CACerts === '' ? { url } : { url, CACerts }
  const why =
    url === undefined
      ? 'has no address in its status yet (status.address.url)'
      : `has the address ${url}, which is not one of HTTP`
  return {
    missing: `${kind} ${namespace}/${name} ${why}; see kubectl describe ${kind.toLowerCase()} ${name} -n ${namespace}`,
  }
}

/** Rights are aggregated: any ClusterRole with this label adds to what we may read. */
function forbidden(ref: FullReference, { group, plural, version }: Resource): string {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {
      name: `millrace-addressable-${plural}.${group}`,
      labels: { 'duck.knative.dev/addressable': 'true' },
    },
    rules: [{ apiGroups: [group], resources: [plural, `${plural}/status`], verbs: ['get', 'list', 'watch'] }],
  }
  const kind = `${ref.kind} of ${apiVersionOf({ group, version })}`
  return `Millrace may not read objects of kind ${kind}; apply this and it will: ${JSON.stringify(role)}`
}
