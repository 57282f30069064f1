import { X509Certificate } from 'node:crypto'
import { counter, gauge, histogram, type Family } from '../../telemetry/metrics/family.ts'
import type { Metrics } from '../../telemetry/metrics/metrics.ts'
import type { Admission } from './admission.ts'
import type { BindReview } from './bind.ts'
import type { CertificateSource } from './certificates.ts'

const reviews = counter(
  'millrace_webhook_reviews_total',
  ['webhook', 'verdict'],
  'Objects that the API server asked about. refused: users are told why. failed: the API server refuses the object as well; the log says why.',
)
const duration = histogram(
  'millrace_webhook_review_duration_seconds',
  ['webhook'],
  'How long a review took. The API server waits 5 s (for bind 2 s). Slow: give the controller more CPU, or look at millrace_api_request_duration_seconds.',
)
const expiry = gauge(
  'millrace_webhook_certificate_expiry_timestamp_seconds',
  [],
  'When the certificate of the webhooks ends, seconds since 1970. It is renewed by the leader long before; less than a week left: the leader cannot, its log says why.',
)

export const webhookFamilies: readonly Family[] = [reviews, duration, expiry]

/** Counts reviews, and watches the certificate that they are served with. */
export class WebhookMetrics {
  readonly #count: (labels: { webhook: string; verdict: string }, by?: number) => void
  readonly #took: (labels: { webhook: string }, seconds: number) => void

  constructor(metrics: Metrics, certificate: CertificateSource) {
    this.#count = metrics.counter(reviews)
    this.#took = metrics.histogram(duration)
    metrics.gauge(expiry, () => expiryOf(certificate))
    for (const webhook of ['mutate', 'validate', 'bind']) this.#count({ webhook, verdict: 'failed' }, 0)
  }

  /** The same admission, counted. */
  admission(admit: Admission): Admission {
    const timed =
      (webhook: 'mutate' | 'validate'): Admission['mutate'] =>
      async (request, signal) => {
        const since = performance.now()
        try {
          const verdict = await admit[webhook](request, signal)
          this.#told(webhook, verdict.kind, since)
          return verdict
        } catch (error) {
          this.#told(webhook, 'failed', since)
          throw error
        }
      }
    return { mutate: timed('mutate'), validate: timed('validate') }
  }

  /** The same answer to reviews of workloads, counted. */
  bind(answer: (review: BindReview) => object): (review: BindReview) => object {
    return (review) => {
      const since = performance.now()
      try {
        const answered = answer(review)
        this.#told('bind', 'allowed', since)
        return answered
      } catch (error) {
        this.#told('bind', 'failed', since)
        throw error
      }
    }
  }

  #told(webhook: string, verdict: string, since: number): void {
    this.#count({ webhook, verdict })
    this.#took({ webhook }, (performance.now() - since) / 1000)
  }
}

function expiryOf(certificate: CertificateSource): readonly (readonly [Record<string, never>, number])[] {
  const current = certificate.current()
  return current === null ? [] : [[{}, Date.parse(new X509Certificate(current.cert).validTo) / 1000]]
}
