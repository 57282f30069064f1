import { z } from 'zod'

/** The user's object that an Inlet or Outlet was compiled from. */
export const Source = z.strictObject({
  kind: z.string().min(1).describe('Kind of that object, e.g. Trigger.'),
  namespace: z.string().min(1).describe('Its namespace.'),
  name: z.string().min(1).describe('Its name.'),
})
export type Source = z.infer<typeof Source>

/** `Trigger shop/orders`: how messages name an object. */
export function sourceName(source: Source): string {
  return `${source.kind} ${source.namespace}/${source.name}`
}

/** Of an Inlet or Outlet: which Kafka cluster. */
export const bootstrapServers = z
  .string()
  .min(1)
  .optional()
  .describe('The Kafka cluster, host:port,host:port; absent: the only one that the worker knows.')

/** Of an Inlet or Outlet: what to say to that Kafka cluster. See `contract/credential.ts`. */
export const credential = z
  .string()
  .min(1)
  .optional()
  .describe('Name of the Secret in namespace millrace-credentials that says how to sign in there; absent: as anybody.')

/** A Kafka cluster as one who signs in there: two credentials are two clusters to us, and share nothing. */
export interface KafkaCluster {
  /** `host:port,host:port`. */
  readonly bootstrapServers: string
  /** Absent: as anybody. */
  readonly credential?: string | undefined
}

/** A key for maps: the same for the same servers and credential, and no other. */
export function clusterId({ bootstrapServers, credential: name }: KafkaCluster): string {
  return name === undefined ? bootstrapServers : `${bootstrapServers}|${name}`
}

/** Of an Inlet or Outlet: what it says itself of where it is served. */
export type RouteCluster = { readonly [name in keyof KafkaCluster]?: KafkaCluster[name] | undefined }

/** Where a route is served: on `usual` as far as it says nothing itself. undefined: nobody says where. */
export function clusterOf(route: RouteCluster, usual: KafkaCluster | undefined): KafkaCluster | undefined {
  const bootstrapServers = route.bootstrapServers ?? usual?.bootstrapServers
  if (bootstrapServers === undefined) return undefined
  const credential = route.credential ?? (route.bootstrapServers === undefined ? usual?.credential : undefined)
  return { bootstrapServers, ...(credential === undefined ? {} : { credential }) }
}
