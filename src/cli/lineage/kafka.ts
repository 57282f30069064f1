import { openLog, type LogParts } from '../workers/open-log.ts'
import type { OpenedKafka } from './answers.ts'
import type { Ground } from './territory.ts'

/** Opens the Kafka of a topic with connections of its own, which end with the search: what is delivered has others. */
export function kafkaOpener({ credentials, clock, logger }: LogParts): (ground: Ground) => OpenedKafka {
  return ({ cluster }) => {
    const log = openLog(cluster, 'millrace-lineage', { credentials, clock, logger })
    const [reader, admin] = [log.reader(), log.admin()]
    const close = async (): Promise<void> => {
      await Promise.all([reader.close(), admin.close()])
      await log.close()
    }
    return { reader, admin, close }
  }
}
