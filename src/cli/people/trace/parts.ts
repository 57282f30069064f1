import { columns } from '../output/columns.ts'
import type { Paint } from '../output/paint.ts'
import { plainLine } from '../output/plain-text.ts'
import type { Report } from './report.ts'
import { timeWords } from './words.ts'

/** How a report is told. */
export interface Style {
  readonly paint: Paint
  /** Milliseconds since 1970. */
  readonly now: number
  /** All that is known, and by whom. */
  readonly wide: boolean
}

export type Lines = readonly string[]

/** Who was asked, and how far that reaches. */
export function askedLines({ asked }: Pick<Report, 'asked'>, { paint, now }: Style): Lines {
  const rows = asked.map(({ name, role, remembersFrom, trouble }) => {
    const less = trouble === undefined ? '' : `, but not all: ${plainLine(trouble)}`
    return [name, role, `remembers from ${timeWords(remembersFrom, now)} on${less}`]
  })
  return [paint.strong('Who was asked'), ...indented(columns(rows))]
}

/** Who remembers less than it should. */
export function troubleLines({ asked }: Pick<Report, 'asked'>, { paint }: Style): Lines {
  const lines = asked.flatMap(({ name, trouble }) => (trouble === undefined ? [] : [plainLine(`${name}: ${trouble}`)]))
  return lines.length === 0 ? [] : [paint.unsure('Who remembers less than it should'), ...indented(lines)]
}

export function silentLines({ silent }: Pick<Report, 'silent'>, { paint }: Style): Lines {
  if (silent.length === 0) return []
  return [
    paint.unsure('Who could not be asked, so that something may be missing here'),
    ...indented(silent.map(({ name, why }) => plainLine(`${name}: ${why}`))),
  ]
}

export function indented(lines: Lines): Lines {
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}
