import type { LineageAnswersParts } from '../lineage/answers.ts'
import { kafkaOpener } from '../lineage/kafka.ts'
import { Territory, type TerritoryParts } from '../lineage/territory.ts'
import type { Dispatchers } from './dispatchers.ts'
import type { LogParts } from './open-log.ts'

/** Whom lineage asks in a dispatcher worker. */
export function askingOf(
  dispatchers: Dispatchers,
  territory: TerritoryParts,
  log: LogParts,
): Pick<LineageAnswersParts, 'territory' | 'standings' | 'open'> {
  return {
    territory: new Territory(territory),
    standings: ({ place, cluster }) => dispatchers.standings(place, cluster),
    open: kafkaOpener(log),
  }
}
