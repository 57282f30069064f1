import type { Command } from 'commander'
import { z } from 'zod'
import { systemClock as clock } from '../core/clock.ts'
import { dashed, environment, namespace, port, read, type Environment } from './flags.ts'
import { listenOn } from './listen.ts'
import { aborted, stopSignal } from './stop.ts'
import type { ClusterTopology, ClusterTopologyFlags } from './viewer/cluster-topology.ts'

const count = z.coerce.number({ error: 'is not a number' }).int('must be a whole number')
const ViewerFlags = z
  .strictObject({
    port: port.optional(),
    host: z.string().min(1, 'must not be empty'),
    token: z.string().min(8, 'must have 8 characters or more').optional(),
    protectIngest: z.boolean().default(false),
    maxEvents: count.min(1, 'must be 1 to 100000').max(100_000, 'must be 1 to 100000'),
    maxMib: count.min(1, 'must be 1 to 4096').max(4_096, 'must be 1 to 4096'),
    kubernetes: z.boolean().default(false),
    namespace: namespace.optional(),
    allNamespaces: z.boolean().default(false),
    kubeconfig: z.string().min(1, 'must be a file').optional(),
  })
  .refine(({ protectIngest, token }) => !protectIngest || token !== undefined, {
    path: ['protectIngest'],
    error: `is of no use without --token (or VIEWER_TOKEN)`,
  })
  .refine(({ allNamespaces, namespace }) => !allNamespaces || namespace === undefined, {
    path: ['allNamespaces'],
    error: 'is of no use beside --namespace',
  })
  .superRefine(({ kubernetes, ...flags }, context) => {
    const given = (['namespace', 'allNamespaces', 'kubeconfig'] as const).filter((name) => Boolean(flags[name]))
    for (const name of kubernetes ? [] : given)
      context.addIssue({ code: 'custom', path: [name], message: 'is of no use without --kubernetes' })
  })
type ViewerFlags = z.output<typeof ViewerFlags>

/** The page that shows events, as a subscriber of its own. */
export function addViewer(millrace: Command): void {
  millrace
    .command('viewer')
    .description('Show events on a page: a subscriber that takes CloudEvents and keeps the newest in memory.')
    .option('--port <port>', 'of the page and of the events (default: PORT, else 8080; 0: any free one)')
    .option('--host <address>', 'address to listen on; :: for every address of this machine', '127.0.0.1')
    .option(
      '--token <token>',
      'who wants to see events must have it (default: VIEWER_TOKEN; without one everybody may)',
    )
    .option('--protect-ingest', 'who sends events must have the token too')
    .option('--max-events <n>', 'events that are kept for late joiners', '2000')
    .option('--max-mib <n>', 'memory that they may take, about', '32')
    .option('--kubernetes', 'show the topology of the cluster too: of the one this pod is in, else of the kubeconfig')
    .option('-n, --namespace <name>', 'with --kubernetes: of this one (default: that of the pod, or of the context)')
    .option('-A, --all-namespaces', 'with --kubernetes: of all')
    .option('--kubeconfig <file>', 'with --kubernetes: the cluster (default: KUBECONFIG, else ~/.kube/config)')
    .addHelpText('after', help)
    .action(async (options: object) => {
      const env = environment()
      await viewer(viewerFlags(options, env))
    })
}

const help = `
Paths: POST / takes events; GET / is the page, /events the events as Server-Sent Events, /ws as a WebSocket, /healthz says ok.
The token comes as "Authorization: Bearer <token>", or once as /?token=<token>, which a browser keeps in a cookie.

Examples:
  millrace viewer
  VIEWER_TOKEN=change-me-please millrace viewer --host :: --port 8090
  millrace viewer --kubernetes -n shop
  curl -N 'http://127.0.0.1:8080/events?prefix=type:order.'`

/** How messages name what the environment may give too. */
const names: Readonly<Record<string, string>> = { port: '--port (or PORT)', token: '--token (or VIEWER_TOKEN)' }

/** @throws UsageError with every problem at once. */
function viewerFlags(options: object, { PORT, VIEWER_TOKEN }: Environment): ViewerFlags {
  const given = { ...(PORT && { port: PORT }), ...(VIEWER_TOKEN && { token: VIEWER_TOKEN }), ...options }
  const named = (name: string): string => (name in options ? undefined : names[name]) ?? dashed(name)
  return read(ViewerFlags, given, named)
}

/** Runs until SIGINT or SIGTERM. */
async function viewer({ port = 8080, token, protectIngest, ...flags }: ViewerFlags): Promise<void> {
  const stop = stopSignal()
  const { createViewer } = await import('../viewer/viewer.ts')
  await using topology = flags.kubernetes ? await clusterTopology(flags) : null
  const limits = { maxEvents: flags.maxEvents, maxBytes: flags.maxMib * 1024 * 1024 }
  const viewer = await listenOn(flags.host, (host) =>
    createViewer({ host, port, clock, token, protectIngest, ...limits, ...(topology === null ? {} : { topology }) }),
  )
  console.log(`viewer ${viewer.url}`)
  await aborted(stop)
  await viewer.close()
}

/** Loads what speaks to an API server only where it is asked for. */
async function clusterTopology(flags: ClusterTopologyFlags): Promise<ClusterTopology> {
  const { openClusterTopology } = await import('./viewer/cluster-topology.ts')
  return openClusterTopology(flags, clock)
}
