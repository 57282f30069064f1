import { counter, gauge } from '../metrics/family.ts'
import type { MetricSource, Samples } from '../metrics/samples.ts'
import type { Journal } from './journal.ts'

const entries = counter(
  'millrace_lineage_entries_total',
  [],
  'What this process has noted of events, those included that are lost. It says how long memory reaches: millrace_lineage_bytes holds about 32 bytes an entry.',
)
const bytes = gauge(
  'millrace_lineage_bytes',
  [],
  'What lineage takes on disk. Near its bound, what is oldest goes: that is as it should be; for more, raise mib of lineage in config-millrace.',
)
const lost = counter(
  'millrace_lineage_lost_total',
  [],
  'Entries of lineage that were lost, because the disk did not take them, or not fast enough, or because a sender was refused in a loop. Events are delivered all the same; millrace trace finds less. Look at the disk of the node, and at millrace_ingress_refused_requests_total.',
)
export const lineageFamilies = [entries, bytes, lost] as const

/** What a journal tells of itself. */
export class JournalMetrics implements MetricSource {
  readonly families = lineageFamilies
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  *collect(samples: Samples): Iterable<unknown> {
    samples.add(entries, '', this.#journal.noted)
    samples.add(bytes, '', this.#journal.bytes)
    samples.add(lost, '', this.#journal.lost)
    yield
  }
}
