import { z } from 'zod'

/**
 * What one worker pod says of itself: a Worker object named as the pod and owned by it, in the system namespace. Changed on a rebalance, and at
 * most once a second when what it has seen moved. Whether the pod lives is for its Ready condition to say: the dead write nothing.
 */
export const WorkerSpec = z.strictObject({
  role: z.enum(['ingress', 'dispatcher']).describe('What this pod does: take events, or deliver them.'),
})
export type WorkerSpec = z.infer<typeof WorkerSpec>

/** `status` of a Worker. */
export const WorkerStatus = z.strictObject({
  /** It passes a deletion only when nothing of the deleted Outlet will be committed any more, so that its group may be deleted. */
  seen: z
    .string()
    .describe(
      'The resourceVersion up to which the Inlets (ingress) or Outlets (dispatcher) are in force in this process.',
    ),
  owns: z
    .array(
      z
        .strictObject({
          bootstrapServers: z.string().describe('The Kafka cluster.'),
          credential: z.string().optional().describe('As whom it is read, as in the Outlets.'),
          topic: z.string().describe('The topic.'),
          partitions: z.array(z.int().nonnegative().describe('A partition.')).describe('Its partitions, from 0 on.'),
        })
        .describe('Partitions of one topic.'),
    )
    .describe('The partitions that this dispatcher owns; of an ingress none.'),
  /** `seen` does not speak of these: an earlier version of them may be in force. */
  refused: z
    .array(z.string().describe('The name of an Inlet or Outlet.'))
    .optional()
    .describe('Inlets or Outlets that this process cannot read, because another version of Millrace wrote them.'),
})
export type WorkerStatus = z.infer<typeof WorkerStatus>
