import { setTimeout as wait } from 'node:timers/promises'
import type { Ingress } from '../data-plane/ingress/ingress.ts'

/** Of the deadline this much is kept for answers after the log has had its say, milliseconds. */
const answersMs = 2_000

/** One appender, or several at once. */
interface Closing {
  close(deadlineMs: number): Promise<void>
}

/**
 * Takes no more, and answers every request that was taken: with 202 when the log acknowledges in time, else with 503. For that the appender has to
 * end before the connections are cut.
 */
export async function drainIngress(ingress: Ingress, appender: Closing, left: () => number): Promise<void> {
  const drained = ingress.close(left())
  await Promise.race([drained, wait(Math.max(0, left() - answersMs), undefined, { ref: false })])
  await appender.close(0)
  await drained
}
