import type { Access } from './access.ts'
import type { Metadata, ObjectName, Resource, Selection } from './client.ts'
import { isMissing, refusalFault } from './rest-faults.ts'
import { collectionPath, objectPath, selectionQuery, subject, withQuery } from './rest-paths.ts'
import { Transport, type Ask, type TransportOptions } from './transport.ts'

/** Objects as the columns that their kind has for people: what `kubectl get` prints (meta.k8s.io/v1 Table). */
export interface Table {
  readonly columns: readonly TableColumn[]
  readonly rows: readonly TableRow[]
  readonly resourceVersion: string
}

export interface TableColumn {
  readonly name: string
  /** Above 0: for those who ask for more. */
  readonly priority: number
}

export interface TableRow {
  /** One a column; null: there is no such value. */
  readonly cells: readonly (string | number | boolean | null)[]
  readonly metadata: Metadata
}

interface WireTable {
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority?: number }[] | null
  readonly rows?: readonly { readonly cells: TableRow['cells']; readonly object: { readonly metadata: Metadata } }[]
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const pageSize = 500
/** A watch of a table has no bookmarks, so it may be silent as long as nothing changes; the server ends it sooner. */
const watchSeconds = 240
const silenceMs = (watchSeconds + 30) * 1000

/** Asks an API server for tables. Faults as those of `KubeClient`. */
export class Tables {
  readonly #transport: Transport

  constructor(access: Access, options: TransportOptions = {}) {
    this.#transport = new Transport(access, options)
  }

  /** All of them, however many pages. */
  async list(resource: Resource, selection: Selection, signal: AbortSignal): Promise<Table> {
    const path = collectionPath(resource, selection.namespace)
    let table: Table | undefined
    for (let from: string | undefined = ''; from !== undefined;) {
      const query = { ...selectionQuery(selection), limit: pageSize, continue: from === '' ? undefined : from }
      const page = await this.#table(withQuery(path, query), resource, selection.namespace ?? '', signal)
      table = { ...page.table, rows: [...(table?.rows ?? []), ...page.table.rows] }
      from = page.continue
    }
    return table ?? { columns: [], rows: [], resourceVersion: '' }
  }

  /** Null when it does not exist. */
  async get(resource: Resource, key: ObjectName, signal: AbortSignal): Promise<Table | null> {
    try {
      return (await this.#table(objectPath(resource, key), resource, key.namespace, signal)).table
    } catch (error) {
      if (isMissing(error, key.name)) return null
      throw error
    }
  }

  /** Calls `on` for each change after `resourceVersion` until the server ends the watch. @throws Fault ApiGone: list again. */
  async watch(
    resource: Resource,
    selection: Selection & { readonly resourceVersion: string },
    on: (row: TableRow) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, resourceVersion } = selection
    const query = { ...selectionQuery(selection), watch: 'true', resourceVersion, timeoutSeconds: watchSeconds }
    const what = `watch ${subject(resource, { namespace: namespace ?? '', name: '' })}`
    const ask: Ask = { method: 'GET', path: withQuery(collectionPath(resource, namespace), query), what, accept }
    const onLine = (line: string): void => {
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: WireTable }
      if (type === 'ERROR') throw refusalFault({ code: (object as { code?: number }).code ?? 500, body: object, what })
      for (const row of tableOf(object).rows) on(row)
    }
    await this.#transport.lines(ask, silenceMs, onLine, signal)
  }

  close(): void {
    this.#transport.close()
  }

  async #table(path: string, resource: Resource, namespace: string, signal: AbortSignal) {
    const what = `get ${subject(resource, { namespace, name: '' })}`
    const wire = (await this.#transport.json({ method: 'GET', path, what, accept }, signal)) as WireTable
    return { table: tableOf(wire), continue: wire.metadata?.continue || undefined }
  }
}

function tableOf({ columnDefinitions, rows, metadata }: WireTable): Table {
  return {
    columns: (columnDefinitions ?? []).map(({ name, priority = 0 }) => ({ name, priority })),
    rows: (rows ?? []).map(({ cells, object }) => ({ cells, metadata: object.metadata })),
    resourceVersion: metadata?.resourceVersion ?? '',
  }
}
