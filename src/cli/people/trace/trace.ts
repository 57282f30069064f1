import { systemClock as clock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Environment } from '../../flags.ts'
import { printed } from '../output/objects.ts'
import { paintFor } from '../output/paint.ts'
import { showProgress } from '../output/progress.ts'
import { clusterWay } from './cluster-way.ts'
import { devWay, nowhere } from './dev-way.ts'
import { usualDisplay, type TraceFlags } from './flags.ts'
import { gather } from './gather.ts'
import { Inquiry } from './inquiry.ts'
import type { Report } from './report.ts'
import { textOf } from './text.ts'
import type { Way } from './way.ts'

/** `millrace trace`. False: there is no such event, which was said. @throws Fault when nobody can be asked. */
export async function trace(flags: TraceFlags, env: Environment): Promise<boolean> {
  const way = await wayOf(flags)
  const inquiry = new Inquiry(way)
  const progress = showProgress(() => inquiry.doing)
  let report: Report
  try {
    report = await gather(inquiry, flags, clock.now())
  } finally {
    progress.stop()
    way.close()
  }
  if (flags.output === 'json' || flags.output === 'yaml') console.log(printed(forMachines(report), flags.output))
  else {
    const stream = report.found ? process.stdout : process.stderr
    const style = { paint: paintFor(stream, env), now: clock.now(), wide: flags.output === 'wide' }
    const text = textOf(report, style)
    if (report.found) console.log(text)
    else console.error(text)
  }
  return report.found
}

/**
 *     --kubeconfig, --context ─────────────► the cluster
 *     a dev on this machine ───────────────► it
 *     none, and --display was not said ────► the cluster
 */
async function wayOf(flags: TraceFlags): Promise<Way> {
  if (flags.kubeconfig !== undefined || flags.context !== undefined) return clusterWay(flags)
  const found = await devWay(flags)
  if (found.kind === 'dev') return found.way
  if (flags.display !== usualDisplay) {
    const why = found.kind === 'other' ? found.why : `no millrace dev answers at ${flags.display}`
    throw new Fault('ApiUnavailable', `${why}: start it, or correct --display`)
  }
  try {
    return await clusterWay(flags)
  } catch (error) {
    throw nowhere(error, flags.display, found)
  }
}

const times = new Set(['at', 'nextAt', 'startedAt', 'remembersFrom', 'timestamp', 'since', 'until'])

/** Times as RFC 3339. */
function forMachines(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forMachines)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      // Attributes of events may have these names too, and are texts.
      const told = times.has(name) && typeof each === 'number' ? new Date(each).toISOString() : forMachines(each)
      return [name, told]
    }),
  )
}
