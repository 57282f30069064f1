/** One measured figure: a row of the table. `limit` is the raw limit of the same run, `asked` what must hold. */
export interface Figure {
  readonly bench: string
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly limit?: number
  readonly asked?: { readonly text: string; readonly holds: boolean }
  /** The run's baseline was too slow against the reference: the machine was busy, and the figure says nothing. */
  readonly void?: boolean
}

const columns = ['bench', 'figure', 'ours', 'raw limit', 'asked', ''] as const

export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.bench,
    figure.what,
    `${show(figure.value)} ${figure.unit}`,
    figure.limit === undefined ? '' : `${show(figure.limit)} ${figure.unit}`,
    figure.asked?.text ?? '',
    verdict(figure),
  ])
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  return [columns, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function verdict({ asked, void: voided }: Figure): string {
  if (asked === undefined) return ''
  if (voided === true) return 'void: the baseline was over 15 % slower than its reference'
  return asked.holds ? 'ok' : 'NOT MET'
}

function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
