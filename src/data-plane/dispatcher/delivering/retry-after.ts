import type { Answer } from './send.ts'

/** Where the Outlet sets no bound: a subscriber that says "tomorrow" must not keep an event until then. */
const LONGEST_MS = 600_000

const seconds = /^\d{1,15}$/
/** The three forms of an HTTP date (RFC 9110 §5.6.7). */
const dates = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
]

/**
 * How long an answer 429 or 503 asks us to wait (RFC 9110 §10.2.3; Knative DeliverySpec `retryAfterMax`), milliseconds from `now`; 0 when it
 * does not, in a past, or in a form that is none.
 * @param maxMs the longest wait that is granted; 0: none; undefined: ten minutes.
 */
export function retryAfterMs({ status, headers }: Answer, maxMs: number | undefined, now: number): number {
  if (status !== 429 && status !== 503) return 0
  const value = headers['retry-after']
  const text = (Array.isArray(value) ? (value[0] ?? '') : (value ?? '')).trim()
  const asked = seconds.test(text) ? Number(text) * 1000 : dateMs(text) - now
  return asked > 0 ? Math.min(asked, maxMs ?? LONGEST_MS) : 0
}

/** NaN for what is no date. */
function dateMs(text: string): number {
  if (!dates.some((form) => form.test(text))) return NaN
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
}
