import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { trusts } from './ca-bundle.ts'
import type { CertificateSource } from './certificates.ts'

export interface TrustParts {
  readonly client: KubeClient
  readonly certificate: CertificateSource
  readonly clock: Clock
  readonly logger: Logger
  /** Default 200 ms. */
  readonly pollMs?: number
  /** How long API servers are given to see what was written. Default 500 ms. */
  readonly settleMs?: number
  /** After so long without an answer it counts as trusted. Default 30,000 ms. */
  readonly patienceMs?: number
}

/**
 * Whether API servers trust what is served: at the first install they do once the leader has put the authority into the webhook configurations,
 * and who applies a Broker sooner is refused. Looked at until seen once, and never again.
 *
 *     trusted ───────► 500 ms ──► ready, for good
 *     not trusted ───► look again
 *     no answer ─────► look again, for 30 s: a restart while the API server is away becomes Ready all the same
 */
export function awaitTrust(parts: TrustParts, signal: AbortSignal): { readonly unready: () => string | null } {
  const state = { trusted: false }
  void look(parts, signal).then(() => (state.trusted = true))
  const reason = 'the webhook configurations do not trust what is served yet: the leader writes caBundle'
  return { unready: () => (state.trusted ? null : reason) }
}

async function look(parts: TrustParts, signal: AbortSignal): Promise<void> {
  const { client, certificate, clock, logger, pollMs = 200, settleMs = 500, patienceMs = 30_000 } = parts
  let answered = clock.monotonic()
  while (!signal.aborted) {
    const { cert } = certificate.current() ?? {}
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
      // Without a certificate nobody is Ready anyway, and the patience begins with it.
      if (cert !== undefined && (await trusts(client, cert, deadline))) return await pause(settleMs, signal)
      answered = clock.monotonic()
    } catch (error) {
      logger.debug({ err: error }, 'the webhook configurations could not be read')
    }
    if (clock.monotonic() - answered >= patienceMs) return
    await pause(pollMs, signal)
  }
}
