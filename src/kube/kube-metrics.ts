import { counter, gauge, histogram, type Family } from '../telemetry/metrics/family.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import { Fault } from '../core/fault.ts'

const requests = counter(
  'millrace_api_requests_total',
  ['verb', 'resource', 'code'],
  'Requests to the Kubernetes API server, by what became of them: ok, or the code of the fault. Many ApiForbidden: a right is missing. ApiThrottled: we ask too much. Some ApiConflict are normal.',
)
const duration = histogram(
  'millrace_api_request_duration_seconds',
  ['verb'],
  'How long the API server took, watches left out. Slow: it, or a webhook of someone else that it waits for.',
)
const silence = gauge(
  'millrace_informer_age_seconds',
  ['resource'],
  'Since when nothing was heard of a kind that we follow, not even that nothing changed. Above 600: its changes may pass us by; look for millrace_api_requests_total with code ApiUnavailable or ApiForbidden.',
)

export const kubeFamilies: readonly Family[] = [requests, duration, silence]

/** Counts what a process asks of an API server. */
export class KubeMetrics {
  readonly #count: (labels: { verb: string; resource: string; code: string }) => void
  readonly #took: (labels: { verb: string }, seconds: number) => void
  /** By resource: when something was heard last, monotonic milliseconds. */
  readonly #heard = new Map<string, number>()

  constructor(metrics: Metrics) {
    this.#count = metrics.counter(requests)
    this.#took = metrics.histogram(duration)
    metrics.gauge(silence, () => this.#ages())
  }

  /** Something was heard of this kind. */
  heard(resource: string): void {
    this.#heard.set(resource, performance.now())
  }

  /** Measures one request. Never changes what becomes of it. */
  async timed<T>(verb: string, resource: string, request: Promise<T>): Promise<T> {
    const since = performance.now()
    try {
      const answer = await request
      this.#count({ verb, resource, code: 'ok' })
      if (verb !== 'watch') this.#took({ verb }, (performance.now() - since) / 1000)
      return answer
    } catch (error) {
      const code = error instanceof Fault ? error.code : 'Defect'
      // what we ended ourselves is no failure
      this.#count({ verb, resource, code: code === 'Closed' ? 'ok' : code })
      throw error
    }
  }

  *#ages(): Iterable<readonly [{ resource: string }, number]> {
    for (const [resource, at] of this.#heard) yield [{ resource }, (performance.now() - at) / 1000]
  }
}
