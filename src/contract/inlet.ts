import { z } from 'zod'
import { Source } from './source.ts'

/** Accept CloudEvents on `/<namespace>/<name>` and append them to one topic. Everything is resolved: workers look nothing up. */
export const Inlet = z.strictObject({
  /** UID of the source object: the identity of this Inlet. */
  uid: z.string().min(1),
  generation: z.int().nonnegative(),
  source: Source,
  /** Path below the ingress, `/<namespace>/<name>`. */
  path: z.string().regex(/^\/[^/?#]+\/[^/?#]+$/),
  topic: z.string().min(1),
  /** The Kafka cluster, `host:port,host:port`; absent: the only one that the worker knows. */
  bootstrapServers: z.string().min(1).optional(),
})
export type Inlet = z.infer<typeof Inlet>
