/** What a `millrace dev` on this machine says of a Broker. */
export type DevBroker = 'there' | 'unknown' | 'no dev'

/** Where nobody listens that is known at once; a busy machine may take its time, and what is meant for dev must not go to a cluster, milliseconds. */
const patienceMs = 5_000

/**
 * Asks whether a dev takes events for this path, as CloudEvents' web hooks ask for consent (OPTIONS, WebHook-Request-Origin): nothing is sent. What
 * else may listen there does not answer like this.
 */
export async function brokerOfDev(url: string): Promise<DevBroker> {
  try {
    const answer = await fetch(url, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'millrace' },
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
    })
    const body = await answer.text()
    if (answer.status === 200 && answer.headers.has('webhook-allowed-rate')) return 'there'
    return body.includes('tag:millrace.dev,') ? 'unknown' : 'no dev'
  } catch {
    return 'no dev'
  }
}
