/** Text in columns as kubectl prints it: three spaces between them, none at the end of a line. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  return rows.map((row) => padded(row, widths))
}

function padded(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, at) => cell.padEnd(widths[at] ?? 0))
    .join('   ')
    .trimEnd()
}

/** How long ago, as kubectl writes it: 45s, 5m, 3h, 12d. */
export function ago(since: string | undefined, now: number): string {
  const ms = now - Date.parse(since ?? '')
  if (Number.isNaN(ms)) return '?'
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`
}
