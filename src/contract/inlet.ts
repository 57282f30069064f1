import { z } from 'zod'
import { bootstrapServers, credential, Source } from './source.ts'

/** Accept CloudEvents on `/<namespace>/<name>` and append them to one topic. Everything is resolved: workers look nothing up. */
export const Inlet = z.strictObject({
  /** UID of the source object: the identity of this Inlet. */
  uid: z.string().min(1),
  generation: z.int().nonnegative(),
  source: Source.describe("The user's object that this was made of."),
  path: z
    .string()
    .regex(/^\/[^/?#]+\/[^/?#]+$/)
    .describe('Path below the ingress that takes events, /<namespace>/<name>.'),
  topic: z.string().min(1).describe('The Kafka topic that events are appended to.'),
  bootstrapServers,
  credential,
})
export type Inlet = z.infer<typeof Inlet>
