import type { Prepared } from '../delivering/prepared.ts'
import type { Entry } from './segment.ts'

/** What an Outlet gets of a record: the event in it, or what its conversion makes of it; null: nothing, it does not want it. */
export function formFor(entry: Entry, { conversion, filter }: Prepared): Entry | null {
  const form = entry.event === null && conversion !== null ? entry.converted(conversion) : entry
  return form === null || form.event === null || filter.matches(form.event.attributes) ? form : null
}
