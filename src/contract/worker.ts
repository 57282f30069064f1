import { z } from 'zod'

/**
 * What one worker pod says of itself: a Worker object named as the pod and owned by it, in the system namespace. Changed on a rebalance, and at
 * most once a second when what it has seen moved. Whether the pod lives is for its Ready condition to say: the dead write nothing.
 */
export const WorkerSpec = z.strictObject({
  role: z.enum(['ingress', 'dispatcher']),
})
export type WorkerSpec = z.infer<typeof WorkerSpec>

/** `status` of a Worker. */
export const WorkerStatus = z.strictObject({
  /**
   * The resourceVersion up to which the Inlets (ingress) or Outlets (dispatcher) are in force in this process. It passes a deletion only when
   * nothing of the deleted Outlet will be committed any more, so that its group may be deleted.
   */
  seen: z.string(),
  /** The partitions that this dispatcher owns; of an ingress none. */
  owns: z.array(
    z.strictObject({
      bootstrapServers: z.string(),
      topic: z.string(),
      partitions: z.array(z.int().nonnegative()),
    }),
  ),
})
export type WorkerStatus = z.infer<typeof WorkerStatus>
