import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { Inlet } from '../contract/inlet.ts'
import { MemoryRoutes } from '../contract/memory-routes.ts'
import { Outlet } from '../contract/outlet.ts'
import type { Logger } from '../telemetry/logger.ts'
import { UsageError } from './flags.ts'
import { watchFiles } from './watched-files.ts'

const RoutesFile = z.strictObject({ inlets: z.array(Inlet).default([]), outlets: z.array(Outlet).default([]) })

/** How often the file is looked at, milliseconds. */
const intervalMs = 50

/**
 * A RouteSource from one JSON file, followed while it changes. A version that cannot be used is logged and the last good one stays in force.
 * @throws UsageError when the first version cannot be used; the system's error when it cannot be read.
 */
export function fileRoutes(file: string, logger: Logger): { routes: MemoryRoutes; readonly close: () => void } {
  const routes = new MemoryRoutes()
  const load = () => {
    const { inlets, outlets } = parse(readFileSync(file, 'utf8'), file)
    routes.inlets.replace(inlets)
    routes.outlets.replace(outlets)
  }
  load()
  const close = watchFiles([file], intervalMs, () => {
    try {
      load()
    } catch (error) {
      logger.error(
        { file, error: (error as Error).message },
        'routes file not applied; its last good version stays in force',
      )
    }
  })
  return { routes, close }
}

function parse(text: string, file: string): z.output<typeof RoutesFile> {
  try {
    return RoutesFile.parse(JSON.parse(text))
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new UsageError(`${file} is not a file of Inlets and Outlets: ${why}`)
  }
}
