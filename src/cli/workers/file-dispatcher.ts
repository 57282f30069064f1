import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { systemClock as clock } from '../../core/clock.ts'
import type { DispatcherSetting, RunningDispatcher } from './running-dispatcher.ts'
import { fileCredentials } from '../file-credentials.ts'
import { fileRoutes } from '../file-routes.ts'
import { fileVault } from '../file-vault.ts'
import type { FileFlags } from '../worker-flags.ts'
import { Credentials } from './credentials.ts'
import { Dispatchers } from './dispatchers.ts'
import { askingOf } from './lineage-asking.ts'
import { Ownership } from './ownership.ts'

/** A dispatcher on a file of routes. Reports go to standard output, JSON lines. */
export function fileDispatcher({
  flags,
  source,
  logger,
  meters,
  spans,
  lineage,
  asked,
}: DispatcherSetting<FileFlags>): RunningDispatcher {
  const { kafka, group, instance, data } = flags
  const texts = fileCredentials(source.credentials)
  const { routes, close } = fileRoutes(source.file, logger)
  const credentials = new Credentials(() => texts, logger)
  const ownership = new Ownership(() => {})
  const dispatchers = new Dispatchers({
    ...{
      outlets: routes.outlets,
      kafka,
      group,
      instance,
      ownership,
      credentials,
      clock,
      logger,
      meters,
      spans,
      lineage,
    },
    reporter: { report: (report) => console.log(JSON.stringify(report)) },
    vaultOf: (servers) => fileVault(vaultFolder(data, servers === kafka?.bootstrapServers ? null : servers)),
    hasStarted: () => false,
  })
  asked.serve(askingOf(dispatchers, { outlets: routes.outlets, main: kafka }, { credentials, clock, logger }))
  return {
    unready: () => (ownership.joined ? null : 'not in the dispatcher fleet'),
    close: async (left) => {
      close()
      await dispatchers.close(left(), false)
      texts.close()
    },
  }
}

/** Groups of two Kafkas may have one name. @param servers null: the main one. */
function vaultFolder(data: string, servers: string | null): string {
  const main = join(data, 'positions')
  return servers === null ? main : join(main, createHash('sha256').update(servers).digest('hex').slice(0, 16))
}
