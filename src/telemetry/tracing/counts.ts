import { counter, gauge, type Family } from '../metrics/family.ts'
import type { MetricSource, Samples } from '../metrics/samples.ts'

const spans = counter(
  'millrace_trace_spans_total',
  ['outcome'],
  'Spans that were finished, by what became of them: sent; overflow: the collector took them too slowly, or not at all, so they were dropped; refused: the collector did not want them, look into the log. Events go their way in any case.',
)
const waiting = gauge(
  'millrace_trace_waiting_spans',
  [],
  'Spans that wait to be sent. Near 4096: the collector is away or too slow, and the next ones are dropped.',
)

/** What a process tells about the spans that it sends; not there where tracing is off. */
export const tracingFamilies: readonly Family[] = [spans, waiting]

/** What became of spans, since the start. */
export class SpanCounts implements MetricSource {
  sent = 0
  overflow = 0
  refused = 0
  waiting = 0

  get families(): readonly Family[] {
    return tracingFamilies
  }

  *collect(samples: Samples): Iterable<unknown> {
    for (const outcome of ['sent', 'overflow', 'refused'] as const)
      samples.add(spans, `outcome="${outcome}"`, this[outcome])
    yield samples.add(waiting, '', this.waiting)
  }
}
