import type { Resource } from '../../../kube/client.ts'
import type { Table, TableColumn, TableRow } from '../../../kube/tables.ts'
import { columns } from '../output/columns.ts'
import { plainLine } from '../output/plain-text.ts'

export interface TableStyle {
  readonly wide: boolean
  readonly headers: boolean
  /** The namespace of each object stands in front. */
  readonly namespaces: boolean
  /** Names say their kind. */
  readonly kinds: boolean
}

/** Prints tables one below the other. */
export class TablePrinter {
  readonly #style: TableStyle
  #printed = 0

  constructor(style: TableStyle) {
    this.#style = style
  }

  /** Whether there was nothing to print yet. */
  get empty(): boolean {
    return this.#printed === 0
  }

  /** @param headers whether the names of the columns are wanted, given that the style wants them */
  print(resource: Resource, { columns: all, rows }: Pick<Table, 'columns' | 'rows'>, headers = true): void {
    if (rows.length === 0) return
    if (this.#printed > 0 && headers) console.log('')
    const head = this.#style.headers && headers ? [this.#head(all)] : []
    for (const line of columns([...head, ...rows.map((row) => this.#cells(resource, all, row))])) console.log(line)
    this.#printed += rows.length
  }

  #shows({ priority }: TableColumn): boolean {
    return this.#style.wide || priority === 0
  }

  #head(all: readonly TableColumn[]): readonly string[] {
    const names = all.filter((column) => this.#shows(column)).map(({ name }) => name.toUpperCase())
    return this.#style.namespaces ? ['NAMESPACE', ...names] : names
  }

  #cells({ kind, group }: Resource, all: readonly TableColumn[], { cells, metadata }: TableRow): readonly string[] {
    const texts = all.flatMap((column, at) => {
      if (!this.#shows(column)) return []
      const text = plainLine(String(cells[at] ?? ''))
      return [at === 0 && this.#style.kinds ? `${kind.toLowerCase()}.${group}/${text}` : text]
    })
    return this.#style.namespaces ? [metadata.namespace ?? '', ...texts] : texts
  }
}
