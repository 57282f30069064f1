import type { Distribution } from './distribution.ts'
import type { Family } from './family.ts'

/** What a part of the process tells about itself when it is asked. */
export interface MetricSource {
  readonly families: readonly Family[]
  /** Adds what is so now. Each step (`yield`) takes little time: between two of them others may run. */
  collect(samples: Samples): Iterable<unknown>
}

export type Format = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

interface Written {
  readonly family: Family
  text: string
  /** Full ones. */
  readonly pages: Buffer[]
  page: Buffer | null
  used: number
}

/** Size of a page, bytes. */
const pageBytes = 64 * 1024

/**
 * A page in the making. All samples of a family must stand together, but sources tell object by object: so each family has a page of its own, and
 * what is written is packed away after each step.
 *
 *     source ─► object ─► add, add, add ─► text of each family ─► pack ─► buffers of each family ─► page
 */
export class Samples {
  readonly #families = new Map<string, Written>()

  /** @param labels as `labelText` writes them; '' for none. */
  add(family: Family, labels: string, value: number): void {
    this.#of(family).text += `${family.name}${labels === '' ? '' : `{${labels}}`} ${number(value)}\n`
  }

  histogram(family: Family, labels: string, { bounds, counts, sum, count }: Distribution): void {
    const { name } = family
    const before = labels === '' ? '' : `${labels},`
    const set = labels === '' ? '' : `{${labels}}`
    let text = ''
    let below = 0
    for (let at = 0; at < bounds.length; at++) {
      below += counts[at] ?? 0
      text += `${name}_bucket{${before}le="${bound(bounds[at] ?? 0)}"} ${below}\n`
    }
    text += `${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum${set} ${number(sum)}\n${name}_count${set} ${count}\n`
    this.#of(family).text += text
  }

  /** A line as it is, without its end. */
  line(family: Family, line: string): void {
    this.#of(family).text += `${line}\n`
  }

  pack(): void {
    for (const written of this.#families.values()) {
      if (written.text !== '') put(written)
    }
  }

  /** The whole page. Families without a sample are left out. */
  page(format: Format): Buffer[] {
    this.pack()
    const open = format === 'openmetrics'
    const parts: Buffer[] = []
    for (const { family, pages, page, used } of this.#families.values()) {
      const { type, help } = family
      // a counter is named without its ending there (OpenMetrics 1.0)
      const name = open && type === 'counter' ? family.name.replace(/_total$/, '') : family.name
      parts.push(Buffer.from(`# HELP ${name} ${helpText(help, open)}\n# TYPE ${name} ${type}\n`), ...pages)
      if (page !== null) parts.push(page.subarray(0, used))
    }
    if (open) parts.push(Buffer.from('# EOF\n'))
    return parts
  }

  #of(family: Family): Written {
    let written = this.#families.get(family.name)
    if (written === undefined)
      this.#families.set(family.name, (written = { family, text: '', pages: [], page: null, used: 0 }))
    return written
  }
}

/** Strings are written into pages while they are young: kept for long they would cost the collector more than all else here. */
function put(written: Written): void {
  const { text } = written
  written.text = ''
  const most = text.length * 3 // of UTF-8
  if (written.page === null || most > written.page.length - written.used) {
    if (written.page !== null) written.pages.push(written.page.subarray(0, written.used))
    written.page = Buffer.allocUnsafeSlow(Math.max(pageBytes, most))
    written.used = 0
  }
  written.used += written.page.write(text, written.used, 'utf8')
}

function helpText(help: string, open: boolean): string {
  const text = help.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
  return open ? text.replaceAll('"', String.raw`\"`) : text
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** As OpenMetrics and Knative's Java write it: a series must not change its name with the format. */
function bound(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value)
}
