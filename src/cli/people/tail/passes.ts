import { compileFilter } from '../../../event/filter.ts'
import type { FilterSpec } from '../../../event/filter-spec.ts'

/** Whether an event passes all of these. */
export function passesAll(filters: readonly FilterSpec[]): (attributes: ReadonlyMap<string, string>) => boolean {
  const compiled = filters.map(compileFilter)
  return (attributes) => compiled.every((filter) => filter.matches(attributes))
}
