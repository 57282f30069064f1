import { join } from 'node:path'
import { systemClock as clock } from '../../core/clock.ts'
import type { DispatcherSetting, RunningDispatcher } from './running-dispatcher.ts'
import { fileRoutes } from '../file-routes.ts'
import { fileVault } from '../file-vault.ts'
import type { FileFlags } from '../worker-flags.ts'
import { Dispatchers } from './dispatchers.ts'
import { Ownership } from './ownership.ts'

/** A dispatcher on a file of routes. Reports go to standard output, JSON lines. */
export function fileDispatcher({ flags, source, logger }: DispatcherSetting<FileFlags>): RunningDispatcher {
  const { kafka, group, instance, data } = flags
  const { routes, close } = fileRoutes(source.file, logger)
  const ownership = new Ownership(() => {})
  const dispatchers = new Dispatchers({
    ...{ outlets: routes.outlets, kafka, group, instance, ownership, clock, logger },
    reporter: { report: (report) => console.log(JSON.stringify(report)) },
    vault: fileVault(join(data, 'positions')),
    hasStarted: () => false,
  })
  return {
    unready: () => (ownership.joined ? null : 'not in the dispatcher fleet'),
    close: async (left) => {
      close()
      await dispatchers.close(left(), false)
    },
  }
}
