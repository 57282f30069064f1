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
