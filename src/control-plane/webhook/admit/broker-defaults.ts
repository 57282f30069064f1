import { z } from 'zod'
import { DeliverySpec } from '../../../api/meta/delivery.ts'
import { readYaml } from '../../../api/yaml-text.ts'

/** The ConfigMap of Knative with defaults for Brokers, in the system namespace; it may be missing. */
export const brokerDefaultsName = 'config-br-defaults'
const key = 'default-br-config'

/** What a Broker gets that says nothing itself. */
export interface BrokerDefaults {
  /** Class of a Broker without one: of the namespace, else of the cluster, else `Kafka`. */
  classIn(namespace: string): string
  /** `spec.config` of a Broker of ours, with a namespace. */
  configIn(namespace: string): BrokerConfig | undefined
  /** `spec.delivery` of a Broker of ours. */
  deliveryIn(namespace: string): DeliverySpec | undefined
  /** Whether a Broker of ours may name a ConfigMap of another namespace. */
  mayConfigElsewhere(namespace: string): boolean
  /** What is wrong with the ConfigMap, a sentence; what is wrong counts as not there. */
  readonly complaint: string | null
}

export interface BrokerConfig {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

const ClassDefaults = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().optional(),
  namespace: z.string().optional(),
  delivery: DeliverySpec.optional(),
  disallowDifferentNamespaceConfig: z.boolean().optional(),
})
const Defaults = ClassDefaults.extend({
  brokerClass: z.string().optional(),
  brokerClasses: z.record(z.string(), ClassDefaults).optional(),
})
const DefaultBrokerConfig = z.looseObject({
  clusterDefault: Defaults.optional(),
  namespaceDefaults: z.record(z.string(), Defaults).optional(),
})
type ClassDefaults = z.infer<typeof ClassDefaults>
type Defaults = z.infer<typeof Defaults>

/** Reads the data of the ConfigMap; undefined: there is none. */
export function brokerDefaults(data: Readonly<Record<string, string>> | undefined): BrokerDefaults {
  const text = data?.[key]
  if (text === undefined || text.trim() === '') return defaultsOf({}, null)
  const { objects, problems } = readYaml(text, brokerDefaultsName)
  const broken = problems[0]?.message
  if (broken !== undefined) return defaultsOf({}, broken)
  const parsed = DefaultBrokerConfig.safeParse(objects[0]?.value ?? {})
  if (parsed.success) return defaultsOf(parsed.data, null)
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: 'is not understood' }
  return defaultsOf({}, `${path.join('.')}: ${message}`)
}

/**
 * For class X in namespace N, the first of these that says something: N.brokerClasses[X] → N, when its class is X →
 * cluster.brokerClasses[X] → cluster, when its class is X. No class stands for ours. So what Knative ships, which is for its channel-based
 * Brokers, does not reach ours.
 */
function defaultsOf(config: z.infer<typeof DefaultBrokerConfig>, complaint: string | null): BrokerDefaults {
  const { clusterDefault, namespaceDefaults = {} } = config
  const own = (namespace: string): Defaults | undefined =>
    Object.hasOwn(namespaceDefaults, namespace) ? namespaceDefaults[namespace] : undefined
  const levels = (namespace: string): ClassDefaults[] => [...forOurs(own(namespace)), ...forOurs(clusterDefault)]
  return {
    classIn: (namespace) => own(namespace)?.brokerClass ?? clusterDefault?.brokerClass ?? 'Kafka',
    configIn: (namespace) => levels(namespace).flatMap((level) => reference(level, namespace))[0],
    deliveryIn: (namespace) => levels(namespace).find(({ delivery }) => delivery !== undefined)?.delivery,
    mayConfigElsewhere: (namespace) =>
      levels(namespace).find((level) => level.disallowDifferentNamespaceConfig !== undefined)
        ?.disallowDifferentNamespaceConfig !== true,
    complaint: complaint === null ? null : `ConfigMap ${brokerDefaultsName}, key ${key}, is ignored: ${complaint}`,
  }
}

function forOurs(defaults: Defaults | undefined): ClassDefaults[] {
  if (defaults === undefined) return []
  const named = defaults.brokerClasses?.['Kafka']
  const whole = (defaults.brokerClass ?? 'Kafka') === 'Kafka' ? [defaults] : []
  return named === undefined ? whole : [named, ...whole]
}

function reference({ apiVersion, kind, name, namespace }: ClassDefaults, own: string): BrokerConfig[] {
  if (name === undefined || name === '') return []
  return [{ apiVersion: apiVersion ?? 'v1', kind: kind ?? 'ConfigMap', name, namespace: namespace ?? own }]
}
