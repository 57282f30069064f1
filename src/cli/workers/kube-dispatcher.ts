import { systemClock as clock } from '../../core/clock.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { kubeVaults } from '../../kube/position-vault.ts'
import type { DispatcherSetting, RunningDispatcher } from './running-dispatcher.ts'
import type { KubernetesFlags } from '../worker-flags.ts'
import { clusterSide, type ClusterSide } from './cluster-side.ts'
import { Dispatchers } from './dispatchers.ts'
import { askingOf } from './lineage-asking.ts'
import { OutletStatusWriter, statusOf } from './outlet-status-writer.ts'
import { Ownership } from './ownership.ts'
import { Progress } from './progress.ts'
import { LastUndeliveredEvents } from './last-undelivered.ts'
import { leavesForGood } from './scale-down.ts'
import type { WorkerObject } from './worker-object.ts'

/** Of the deadline this much is kept for the last words to the API server, milliseconds. */
const farewellMs = 1_000

interface AtWork {
  readonly dispatchers: Dispatchers
  readonly writer: OutletStatusWriter
  readonly progress: Progress
  readonly worker: WorkerObject
}

/**
 * A dispatcher in a Kubernetes cluster.
 *
 *     Outlets ─► informer ─► routes ─► a dispatcher a Kafka cluster ─► reports ─► OutletStatusWriter ─► status of Outlets
 *                   │                        └─► memberships ─► Ownership ─┐
 *                   └─► Seen ◄── released                                  ├─► Worker object
 *                         └────────────────────────────────────────────────┘
 *
 * Delivers from the moment the Outlets are loaded; after that the API server may be away for as long as it likes.
 */
export async function kubeDispatcher(setting: DispatcherSetting<KubernetesFlags>): Promise<RunningDispatcher> {
  const { flags, source, logger, meters } = setting
  const ended = new AbortController()
  const { signal } = ended
  const { kafka } = flags
  const side = await clusterSide({ flags: source, role: 'dispatcher', kafka, clock, logger, signal, meters })
  let ownership: Ownership | null = null
  const started = side.routes.ready().then(
    () => {
      // asked to stop before it began
      if (setting.stop.aborted) return null
      const begun = begin(setting, side, signal)
      ownership = begun.ownership
      return begun
    },
    () => null,
  )
  return {
    unready: () => {
      if (!side.routes.loaded) return 'Outlets are not loaded yet'
      return ownership?.joined === false ? 'not in the dispatcher fleet' : null
    },
    close: async (left) => {
      if (!side.routes.loaded) ended.abort()
      const begun = await started
      if (begun !== null) await end(begun, side, flags.instance, left)
      ended.abort()
      await begun?.writer.close()
      await begun?.progress.close()
      side.client.close()
    },
  }
}

function begin(
  { flags, logger, meters, lineage: journal, asked, spans }: DispatcherSetting<KubernetesFlags>,
  side: ClusterSide,
  signal: AbortSignal,
): AtWork & { readonly ownership: Ownership } {
  const { client, namespace, routes, seen, credentials } = side
  const { outlets } = routes
  const { kafka, group, instance } = flags
  const ownership = new Ownership((cluster, topics) => {
    worker.ownsChanged()
    for (const { uid, topic } of dispatchers.outletsOn(cluster)) if (topics.has(topic)) writer.look(uid)
  })
  const lineage = new LastUndeliveredEvents(() => clock.now(), journal)
  const speaksFor = (outlet: Outlet): boolean => ownership.ownsLowest(dispatchers.clusterOf(outlet), outlet.topic)
  const progressOf = (uid: string) => progress.of(uid)
  const writer = new OutletStatusWriter({
    ...{ client, namespace, instance, routes, speaksFor, progressOf, logger, signal },
  })
  const worker = side.announce(() => ownership.owns)
  // who writes is there first: dispatchers report as soon as they are made
  const dispatchers: Dispatchers = new Dispatchers({
    ...{ outlets, kafka, group, instance, ownership, credentials, clock, logger, meters, lineage, spans },
    vaultOf: kubeVaults(client, namespace, signal),
    hasStarted: (uid) => statusOf(routes.objects.get({ namespace, name: uid }))?.topicId !== undefined,
    partitionsOf: (uid) => writer.stored(uid)?.partitions,
    reporter: {
      report: (report) => {
        writer.report(report)
        if (report.state === 'released' && seen.released(report.uid)) worker.seenMoved()
      },
    },
  })
  const progress: Progress = new Progress({
    units: () => dispatchers.dispatchers,
    stored: (uid) => writer.stored(uid),
    lastUndelivered: (uid) => lineage.of(uid),
    write: (uid, first) => writer.later(uid, first),
    ...{ instance, clock, logger, signal },
  })
  asked.serve(askingOf(dispatchers, { outlets, main: kafka }, { credentials, clock, logger }))
  outlets.subscribe((change) => {
    if (change.kind !== 'gone') return
    lineage.forget(change.uid)
    seen.deleted(change.uid)
  })
  return { ownership, dispatchers, writer, progress, worker }
}

async function end(begun: AtWork, side: ClusterSide, pod: string, left: () => number): Promise<void> {
  const forGood = await leavesForGood(side.client, side.namespace, pod)
  await begun.dispatchers.close(Math.max(0, left() - farewellMs), forGood)
  await begun.worker.close(farewellMs)
}
