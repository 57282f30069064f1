import { fates, ProgressStatus, type Fate } from '../../../api/meta/progress.ts'
import type { StoredObject } from '../../../kube/client.ts'
import { ago, columns } from '../output/columns.ts'
import { plainLine } from '../output/plain-text.ts'

/** How far an object is. */
export type Told = ProgressStatus

/** What its status says; null: nothing that we understand. */
export function progressTold(object: StoredObject): Told | null {
  const read = ProgressStatus.safeParse(object['status'] ?? {})
  return !read.success || read.data.rate === undefined ? null : read.data
}

const fateWords: Readonly<Record<Fate, readonly [what: string, toDo: string]>> = {
  deadLettered: ['Dead letters', 'the dead letter sink has them: mend the subscriber, then look there'],
  parked: ['Parked', 'kept in the parking topic: mend the subscriber, then send them again (docs/delivery.md)'],
  dropped: ['Dropped', 'lost, as onExhausted Drop asks for: name a dead letter sink to keep such events'],
  expired: ['Expired', 'removed by retention before they were delivered: lengthen it, or make the subscriber faster'],
}

/** Of one that delivers: how much waits, how fast it goes, and what became of events that its subscriber did not take. */
export function deliveryLines(
  { deliveries, namespace }: { readonly deliveries: Told | null; readonly namespace: string },
  now: number,
): readonly string[] {
  if (deliveries === null) return []
  const { lag, rate = 0, lastDelivery, lastError } = deliveries
  const rows = [
    ...(lag === undefined ? [] : [['Waiting', `${lag}`, lag === 1 ? 'record' : 'records']]),
    ['Rate', `${rate}`, 'deliveries a second, over the last minute'],
    ['Last delivery', lastDelivery === undefined ? 'none yet' : `${ago(lastDelivery, now)} ago`],
    ...(lastError === undefined
      ? []
      : [['Last error', `${ago(lastError.time, now)} ago`, plainLine(lastError.message)]]),
    ...undeliveredRows(deliveries, namespace, now),
  ]
  return columns(rows)
}

function undeliveredRows({ undelivered }: Told, namespace: string, now: number): string[][] {
  if (undelivered === undefined) return []
  const rows = fates.flatMap((fate) => {
    const count = undelivered[fate] ?? 0
    const [what, toDo] = fateWords[fate]
    return count === 0 ? [] : [[what, `${count}`, toDo]]
  })
  const { last } = undelivered
  if (last === undefined) return rows
  const why = [last.destination, last.reason].filter((text) => text !== undefined).join(': ')
  const id = last.id === undefined ? 'one without an id' : plainLine(last.id)
  const more = last.id === undefined ? '' : ` (millrace trace ID -n ${namespace})`
  return [
    ...rows,
    ['Last of these', `${ago(last.time, now)} ago`, `${id}${why === '' ? '' : `, ${plainLine(why)}`}${more}`],
  ]
}
