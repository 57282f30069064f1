/** A row of cells, Markdown in each. */
export type Row = readonly string[]

/** A table; a bar or a line break in a cell would end it. */
export function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map(cell).join(' | ')} |`.replaceAll('|  |', '| |')
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** What is no code must not be taken for HTML. */
function cell(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/(?<!\\)\|/g, '\\|')
  return line
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '\\<')))
    .join('')
}

export const code = (text: string): string => `\`${text}\``

/** `a`, `b`, `c` */
export const codes = (all: readonly string[]): string => all.map(code).join(', ')

/** Parts of a page, with an empty line between them. */
export const page = (...parts: readonly string[]): string => `${parts.filter((part) => part !== '').join('\n\n')}\n`
