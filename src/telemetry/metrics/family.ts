/** One metric: a name, and all series that have it. */
export interface Family {
  /** As Prometheus shows it, with its unit; that of a counter ends with `_total`. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** What it says, and what to do with it. One line. */
  readonly help: string
  /** Names of the labels that a series of it may have. */
  readonly labels: readonly string[]
  /** Of a histogram: upper bounds, ascending, without the last one, which is infinite. */
  readonly buckets?: readonly number[]
  /** What Knative calls it, where it has the same (OpenTelemetry or Micrometer name). */
  readonly upstream?: string
}

/** Upper bounds for what takes from a millisecond to half a minute, seconds. */
export const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

export const counter = (name: string, labels: readonly string[], help: string, upstream?: string): Family =>
  family('counter', name, labels, help, upstream)

export const gauge = (name: string, labels: readonly string[], help: string, upstream?: string): Family =>
  family('gauge', name, labels, help, upstream)

export const histogram = (
  name: string,
  labels: readonly string[],
  help: string,
  buckets: readonly number[] = secondsBuckets,
  upstream?: string,
): Family => ({ ...family('histogram', name, labels, help, upstream), buckets })

function family(
  type: Family['type'],
  name: string,
  labels: readonly string[],
  help: string,
  upstream: string | undefined,
): Family {
  return { type, name, labels, help, ...(upstream === undefined ? {} : { upstream }) }
}

/** `name="value",name="value"` of one series, escaped. Text format 0.0.4 and OpenMetrics 1.0 agree on it. */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  let text = ''
  for (const [name, value] of Object.entries(labels)) {
    text += `${text === '' ? '' : ','}${name}="${escaped(String(value))}"`
  }
  return text
}

const special = /[\\"\n]/
function escaped(value: string): string {
  return special.test(value)
    ? value
        .replaceAll('\\', String.raw`\\`)
        .replaceAll('"', String.raw`\"`)
        .replaceAll('\n', String.raw`\n`)
    : value
}
