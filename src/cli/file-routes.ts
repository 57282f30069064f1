import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { Inlet } from '../contract/inlet.ts'
import { MemoryRoutes } from '../contract/memory-routes.ts'
import { Outlet } from '../contract/outlet.ts'
import type { Logger } from '../telemetry/logger.ts'
import { watchFiles } from './watched-files.ts'

const RoutesFile = z.strictObject({ inlets: z.array(Inlet).default([]), outlets: z.array(Outlet).default([]) })

/** How often the file is looked at, milliseconds. */
const intervalMs = 50

/**
 * A RouteSource from one JSON file, followed while it changes. A version that cannot be used is logged and the last good one stays in force.
 * @throws Error when the first version cannot be used.
 */
export function fileRoutes(file: string, logger: Logger): { routes: MemoryRoutes; readonly close: () => void } {
  const routes = new MemoryRoutes()
  const load = () => {
    const { inlets, outlets } = RoutesFile.parse(JSON.parse(readFileSync(file, 'utf8')))
    routes.inlets.replace(inlets)
    routes.outlets.replace(outlets)
  }
  load()
  const close = watchFiles([file], intervalMs, () => {
    try {
      load()
    } catch (error) {
      logger.error({ file, error: String(error) }, 'routes file not applied; its last good version stays in force')
    }
  })
  return { routes, close }
}
