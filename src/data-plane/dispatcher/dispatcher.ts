import type { Dispatcher, DispatcherParts } from './parts.ts'
import { Process } from './process.ts'

/**
 * Delivers events from topics to subscribers, for all Outlets of `outlets`, on the partitions that the fleet gives to this process. Runs from
 * the moment it is made. Errors never come out of it: they are reported per Outlet and retried for ever.
 */
export function createDispatcher(parts: DispatcherParts): Dispatcher {
  return new Process(parts)
}
