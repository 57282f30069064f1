import { found, labels, ofKnative, written, type Mark } from './marks.ts'
import { code, page, table, type Row } from './markdown.ts'

/** docs/reference/annotations.md */
export function annotationsPage(): string {
  const full = (marks: readonly Mark[]): string =>
    table(
      ['name', 'on', 'values', 'default', 'what it says'],
      marks.map(({ name, on, values, fallback, says }): Row => [code(name), on, values, fallback, says]),
    )
  const short = (marks: readonly Mark[]): string =>
    table(
      ['name', 'on', 'what it says'],
      marks.map(({ name, on, says }): Row => [code(name), on, says]),
    )
  return page(
    '# Annotations and labels',
    'Values are text: quote `"true"` and numbers. A value that is none of these is refused at admission.',
    '## Annotations that you write',
    full(written),
    '## Labels that you write',
    full(labels),
    '## What Millrace writes',
    short(found),
    '## Of Knative, and not served',
    short(ofKnative),
  )
}
