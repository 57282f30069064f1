import { never } from '../../../core/never.ts'
import type { KubeClient, StoredObject } from '../../../kube/client.ts'
import { isFault } from '../../../kube/faults.ts'
import { pause } from '../../../kube/pause.ts'
import type { Table, Tables } from '../../../kube/tables.ts'
import { nameLine, printed, withoutManagedFields } from '../output/objects.ts'
import { plainJson } from '../output/plain-text.ts'
import type { GetFlags } from './flags.ts'
import type { Query } from './query.ts'
import type { TablePrinter } from './table-printer.ts'

/** Before a watch that broke is begun again, milliseconds. */
const againMs = 1_000

interface TableWatch {
  readonly tables: Tables
  readonly query: Query
  readonly table: Table
  readonly flags: GetFlags
  readonly printer: TablePrinter
}

/** Prints rows as they change, until `stop`. Columns keep those of the first table. @throws Fault that does not pass */
export async function watchTable(
  { tables, query, table, flags, printer }: TableWatch,
  stop: AbortSignal,
): Promise<void> {
  const { resource } = query
  let version = table.resourceVersion || (table.rows[0]?.metadata.resourceVersion ?? '0')
  const shown = new Map(table.rows.map(({ metadata }) => [metadata.uid, metadata.resourceVersion]))
  const relist = async () => {
    const again = await tables.list(resource, selectionOf(query, flags), stop)
    const news = again.rows.filter(({ metadata }) => shown.get(metadata.uid) !== metadata.resourceVersion)
    printer.print(resource, { columns: table.columns, rows: news }, printer.empty)
    for (const { metadata } of news) shown.set(metadata.uid, metadata.resourceVersion)
    version = again.resourceVersion
  }
  await untilStopped(stop, relist, () =>
    tables.watch(
      resource,
      { ...selectionOf(query, flags), resourceVersion: version },
      (row) => {
        version = row.metadata.resourceVersion ?? version
        shown.set(row.metadata.uid, version)
        printer.print(resource, { columns: table.columns, rows: [row] }, printer.empty)
      },
      stop,
    ),
  )
}

interface ObjectWatch {
  readonly client: KubeClient
  readonly query: Query
  readonly format: 'json' | 'yaml' | 'name'
  readonly flags: GetFlags
}

/** Prints objects as they are and as they change, until `stop`. @throws Fault that does not pass */
export async function watchObjects({ client, query, format, flags }: ObjectWatch, stop: AbortSignal): Promise<void> {
  const { resource } = query
  let version = ''
  const shown = new Map<string, string>()
  const show = (object: StoredObject): void => {
    if (shown.get(object.metadata.uid) === object.metadata.resourceVersion) return
    shown.set(object.metadata.uid, object.metadata.resourceVersion)
    console.log(lineOf(object, format))
  }
  const relist = async () => {
    const page = await client.list(resource, selectionOf(query, flags), stop)
    page.items.forEach(show)
    version = page.resourceVersion
  }
  await relist()
  await untilStopped(stop, relist, () =>
    client.watch(
      resource,
      { ...selectionOf(query, flags), resourceVersion: version },
      (event) => {
        if (event.type === 'bookmark') version = event.resourceVersion
        else {
          version = event.object.metadata.resourceVersion
          show(event.object)
        }
      },
      stop,
    ),
  )
}

function lineOf(object: StoredObject, format: ObjectWatch['format']): string {
  switch (format) {
    case 'json':
      return plainJson(withoutManagedFields(object))
    case 'yaml':
      return `---\n${printed(withoutManagedFields(object), 'yaml')}`
    case 'name':
      return nameLine(object)
    default:
      return never(format)
  }
}

function selectionOf({ namespace, name }: Query, { selector }: GetFlags) {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
    ...(selector === undefined ? {} : { labelSelector: selector }),
  }
}

/** Watches again and again: the server ends each after some minutes. What is too old is listed anew. */
async function untilStopped(stop: AbortSignal, relist: () => Promise<void>, watch: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    try {
      await watch()
    } catch (error) {
      if (stop.aborted) return
      if (isFault(error, 'ApiGone')) await relist()
      else if (isFault(error, 'ApiUnavailable')) await pause(againMs, stop)
      else throw error
    }
  }
}
