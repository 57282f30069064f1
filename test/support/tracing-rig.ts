import { systemClock as clock } from '../../src/core/clock.ts'
import type { Logger } from '../../src/telemetry/logger.ts'
import { openSpans, type OpenSpans, type TracingOptions } from '../../src/telemetry/tracing/open-spans.ts'
import { otlpReceiver, type OtlpReceiver } from './otlp-receiver.ts'

/** Traces of a process, and their collectors, as long as a test lasts. */
export class TracingRig extends AsyncDisposableStack {
  /** What was said at level warn. */
  readonly said: string[] = []
  readonly #logger: Logger = {
    ...{ debug: () => undefined, info: () => undefined, error: () => undefined },
    warn: (_facts, message) => void this.said.push(message),
    child: () => this.#logger,
  }

  /** Keeps all traces, and sends within 50 ms, unless `options` say otherwise. */
  open(collector: { readonly url: string }, options: Partial<TracingOptions> = {}): OpenSpans {
    const tracing = openSpans({
      ...{ url: `${collector.url}/v1/traces`, ratio: 1, version: '1.2.3', credentials: () => ({ headers: {} }) },
      ...{ resource: { 'service.name': 'tested', 'k8s.pod.name': 'pod-0' }, clock, logger: this.#logger, lingerMs: 50 },
      ...options,
    })
    this.defer(() => tracing.close(0))
    return tracing
  }

  async receiver(...how: Parameters<typeof otlpReceiver>): Promise<OtlpReceiver> {
    return this.use(await otlpReceiver(...how))
  }
}
