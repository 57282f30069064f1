import type { Header } from '../../kafka/log.ts'

/** How many Brokers an event may pass that does not say how many. */
export const maxHops = 255

const positive = /^[1-9]\d{0,9}$/
/** Integers of CloudEvents have 32 bits (1.0.2 §3). */
const largest = 2_147_483_647

/**
 * The extension `knativebrokerttl`: how many Brokers the event may still pass, so that events which answer each other end some day.
 * @returns 255 when the event does not say; null when what it says is no positive integer.
 */
export function hopsLeft(attributes: ReadonlyMap<string, string>): number | null {
  const text = attributes.get('knativebrokerttl')
  if (text === undefined) return maxHops
  const hops = positive.test(text) ? Number(text) : 0
  return hops > 0 && hops <= largest ? hops : null
}

/** The record header that says so. */
export function hopsHeader(left: number): Header {
  return ['ce_knativebrokerttl', Buffer.from(String(left))]
}
