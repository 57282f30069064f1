import { Fault } from '../../../core/fault.ts'
import { isFault } from '../../../kube/faults.ts'
import type { StoredObject } from '../../../kube/client.ts'
import { Tables, type Table } from '../../../kube/tables.ts'
import { UsageError } from '../../flags.ts'
import { stopSignal } from '../../stop.ts'
import { listAll, notInstalled, untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import type { PeopleKind } from '../kinds.ts'
import { printedObjects } from '../output/objects.ts'
import type { GetFlags } from './flags.ts'
import type { Query } from './query.ts'
import { TablePrinter } from './table-printer.ts'
import { watchObjects, watchTable } from './watch.ts'

/** Where the objects of a kind that stand in the system namespace are looked for. */
const systemNamespace = 'knative-eventing'

/** `millrace get`. False: one that was named does not exist, which was said. @throws Fault */
export async function get(flags: GetFlags): Promise<boolean> {
  const found = withClusterOf(flags, async (cluster) => {
    const queries = flags.asked.flatMap(({ kinds, name }) =>
      kinds.map((kind) => ({ ...queryOf(kind, flags, cluster), ...(name === undefined ? {} : { name }) })),
    )
    if (flags.output === 'table' || flags.output === 'wide') return printTables(queries, flags, cluster)
    return printObjects(queries, flags.output, flags, cluster)
  })
  return found.catch((error: unknown) => {
    const { selector } = flags
    if (selector === undefined || !isFault(error, 'ApiRefused') || error.details['status'] !== 400) throw error
    // the API server does not say what it speaks of
    throw new UsageError(`--selector ${selector}: ${error.message}; write e.g. app=shop,tier!=web or "app in (a,b)"`)
  })
}

function queryOf({ resource, internal }: PeopleKind, flags: GetFlags, { namespace }: Cluster): Query {
  if (flags.allNamespaces) return { resource, namespace: undefined }
  return { resource, namespace: internal ? (flags.namespace ?? systemNamespace) : namespace }
}

async function printTables(queries: readonly Query[], flags: GetFlags, cluster: Cluster): Promise<boolean> {
  const tables = new Tables(cluster.access)
  try {
    const found = await inAll(queries, (query) => tableOf(tables, query, flags))
    const printer = new TablePrinter({
      wide: flags.output === 'wide',
      headers: flags.headers,
      namespaces: flags.allNamespaces,
      kinds: new Set(queries.map(({ resource }) => resource.kind)).size > 1,
    })
    // those of a kind that were named one by one are one table
    for (const [resource, ones] of Map.groupBy(found, ({ query }) => query.resource)) {
      const [table, ...more] = ones.flatMap(({ value }) => value ?? [])
      if (table !== undefined) printer.print(resource, { ...table, rows: [table, ...more].flatMap(({ rows }) => rows) })
    }
    const [first] = found
    if (flags.watch && first?.value)
      await watchTable({ tables, ...first, table: first.value, flags, printer }, stopSignal())
    else if (printer.empty && !flags.named) sayNone(queries, flags)
    return sayMissing(found)
  } finally {
    tables.close()
  }
}

async function tableOf(
  tables: Tables,
  { resource, namespace, name }: Query,
  { selector }: GetFlags,
): Promise<Table | null> {
  if (name !== undefined) return tables.get(resource, { namespace: namespace ?? '', name }, untilDone)
  const of = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(selector === undefined ? {} : { labelSelector: selector }),
  }
  return tables.list(resource, of, untilDone)
}

async function printObjects(
  queries: readonly Query[],
  format: 'json' | 'yaml' | 'name',
  flags: GetFlags,
  cluster: Cluster,
): Promise<boolean> {
  if (flags.watch && queries[0] !== undefined) {
    await watchObjects({ client: cluster.client, query: queries[0], format, flags }, stopSignal())
    return true
  }
  const found = await inAll(queries, (query) => objectsOf(query, flags, cluster))
  const objects = found.flatMap(({ value }) => value ?? [])
  const single = flags.named && queries.length === 1
  const text = single && objects.length === 0 ? '' : printedObjects(objects, format, single)
  if (text !== '') console.log(text)
  return sayMissing(found)
}

async function objectsOf(
  { resource, namespace, name }: Query,
  { selector }: GetFlags,
  { client }: Cluster,
): Promise<readonly StoredObject[] | null> {
  if (name === undefined) {
    return listAll(
      client,
      resource,
      { namespace, ...(selector === undefined ? {} : { labelSelector: selector }) },
      untilDone,
    )
  }
  const object = await client.get(resource, { namespace: namespace ?? '', name }, untilDone)
  return object === null ? null : [object]
}

interface Found<T> {
  readonly query: Query
  /** Null: the object that was named does not exist. */
  readonly value: T | null
}

/** One after the other. Of several kinds one that is not installed is left out, unless none is. */
async function inAll<T>(
  queries: readonly Query[],
  ask: (query: Query) => Promise<T | null>,
): Promise<readonly Found<T>[]> {
  const found: Found<T>[] = []
  let missing: Fault | undefined
  for (const query of queries) {
    try {
      found.push({ query, value: await ask(query) })
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'ApiNotFound') throw error
      missing = notInstalled(query.resource)
      if (query.name !== undefined) throw missing
    }
  }
  if (found.length === 0 && missing !== undefined) throw missing
  return found
}

function sayNone(queries: readonly Query[], { selector }: GetFlags): void {
  const [first] = queries
  const which = selector === undefined ? '' : ` with labels ${selector}`
  const where = first?.namespace === undefined ? '.' : ` in namespace ${first.namespace}. Other namespaces: -A`
  const what = [...new Set(queries.map(({ resource }) => resource.plural))].join(', ')
  console.error(`There are no ${what}${which}${where}`)
}

/** Whether all are there. */
function sayMissing(found: readonly Found<unknown>[]): boolean {
  const missing = found.filter(({ value }) => value === null)
  for (const { query } of missing) {
    const { resource, namespace = '', name = '' } = query
    console.error(
      `error: ${resource.kind} ${namespace}/${name} does not exist; those that do: millrace get ${resource.plural} -n ${namespace}`,
    )
  }
  return missing.length === 0
}
