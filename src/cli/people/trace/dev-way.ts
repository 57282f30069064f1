import { brokerTopic } from '../../../control-plane/names.ts'
import { Fault } from '../../../core/fault.ts'
import type { TraceFlags } from './flags.ts'
import type { KnownTopic, Way } from './way.ts'

/** What of a display may be read: `GET /topology`. */
interface Topology {
  readonly nodes: readonly {
    readonly kind: string
    readonly namespace: string
    readonly name: string
    readonly detail?: string
  }[]
}

/** Where nobody listens that is known at once; a busy machine may take its time, milliseconds. */
const patienceMs = 5_000

/** What listens where a display should be. */
type DevFound =
  | { readonly kind: 'dev'; readonly way: Way }
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'nobody' }

/** The `millrace dev` of this machine. */
export async function devWay({ display, namespace }: Pick<TraceFlags, 'display' | 'namespace'>): Promise<DevFound> {
  const base = display.replace(/\/$/, '')
  try {
    const response = await fetch(`${base}/topology`, { signal: AbortSignal.timeout(patienceMs) })
    const topology = response.ok ? await topologyIn(response) : null
    if (topology === null) return { kind: 'other', why: `what listens at ${base} is no display of millrace dev` }
    return { kind: 'dev', way: wayTo(base, topology, namespace) }
  } catch (error) {
    const { name } = error as Error
    if (name === 'TimeoutError') return { kind: 'other', why: `${base} does not answer within ${patienceMs / 1000} s` }
    return { kind: 'nobody' }
  }
}

function wayTo(base: string, topology: Topology, namespace: string | undefined): Way {
  return {
    where: `the millrace dev at ${base}`,
    kind: 'dev',
    witnesses: [{ name: 'millrace dev', role: 'dev', base, headers: () => Promise.resolve({}) }],
    silent: [],
    topics: topology.nodes.flatMap(topicsOf),
    outlets: [],
    namespace: namespace ?? null,
    close: () => undefined,
  }
}

/** A viewer that is no dev knows no topology. */
async function topologyIn(response: Response): Promise<Topology | null> {
  try {
    const read = (await response.json()) as Partial<Topology> | null
    return Array.isArray(read?.nodes) ? { nodes: read.nodes } : null
  } catch {
    return null
  }
}

function topicsOf({ kind, namespace, name, detail = '' }: Topology['nodes'][number]): readonly KnownTopic[] {
  const of = { kind, namespace, name }
  if (kind === 'Broker') return [{ topic: brokerTopic(of), ...of }]
  if (kind !== 'KafkaSource' || detail === '') return []
  return detail.split(', ').map((topic) => ({ topic, ...of }))
}

/** Neither here nor there. */
export function nowhere(error: unknown, display: string, found: DevFound): unknown {
  if (!(error instanceof Fault)) return error
  const local = found.kind === 'other' ? found.why : `no millrace dev answers at ${display}`
  return new Fault(error.code, `${error.message}\nAnd ${local}: another is named with --display`, { cause: error })
}
