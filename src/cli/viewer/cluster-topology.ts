import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { asFault, isFault } from '../../kube/faults.ts'
import { inClusterAccess, type Access } from '../../kube/access.ts'
import { restClient } from '../../kube/rest.ts'
import type { Topology, TopologySource } from '../../viewer/topology.ts'
import { inherited, UsageError } from '../flags.ts'
import { clusterAccess } from '../kubeconfig/cluster-access.ts'
import { kindsOfUsers, type PeopleKind } from '../people/kinds.ts'
import { seenInCluster } from '../people/tree/tree.ts'
import type { Seen } from '../people/tree/topology.ts'
import { clusterPicture } from './cluster-picture.ts'

/** Between two looks at the cluster, milliseconds, and at least so many times what the last one took. */
const pauseMs = 5_000
const restFactor = 5
/** One look takes no longer, milliseconds. */
const lookMs = 10_000
/** Of each kind: more would be no picture. */
const mostObjects = 500
/** What is older is said to be, milliseconds. */
const staleMs = 30_000

export interface ClusterTopologyFlags {
  readonly kubeconfig?: string | undefined
  /** Absent: that of the pod, or of the context. */
  readonly namespace?: string | undefined
  readonly allNamespaces: boolean
}

/** The cluster that this pod is in, or that of a kubeconfig. @throws UsageError, Fault: there is none, or its ServiceAccount is not given to the pod. */
export async function openClusterTopology(flags: ClusterTopologyFlags, clock: Clock): Promise<ClusterTopology> {
  const access = await accessOf(flags.kubeconfig)
  const namespace = flags.allNamespaces ? undefined : (flags.namespace ?? access.namespace)
  return new ClusterTopology({ client: restClient(access), namespace, clock })
}

function accessOf(kubeconfig: string | undefined): Promise<Access> {
  // Kubernetes sets it in every pod.
  const inPod = inherited()['KUBERNETES_SERVICE_HOST'] !== undefined
  if (kubeconfig !== undefined || !inPod) return clusterAccess(kubeconfig)
  return inClusterAccess().catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `--kubernetes needs the token of a ServiceAccount (automountServiceAccountToken): ${error.message}`,
    )
  })
}

export interface ClusterTopologyParts {
  /** Closed with it. */
  readonly client: KubeClient
  /** Undefined: all. */
  readonly namespace: string | undefined
  readonly clock: Clock
}

/**
 * The topology of a cluster, from what users write there and its status. It is asked for only while somebody looks at the page:
 *
 *     read, a second ─► last look over and rested? ── no ──► the last picture
 *                            └── yes ─► list four kinds, one page each ─► picture; refused, or no answer ─► a note beside the last one
 */
export class ClusterTopology implements TopologySource {
  readonly #parts: ClusterTopologyParts
  readonly #stop = new AbortController()
  #picture: Topology = { nodes: [], edges: [] }
  /** When the picture was right, wall clock. */
  #seenAt: number | null = null
  #problems: readonly string[] = []
  #looking: Promise<void> | null = null
  #nextAt = 0

  constructor(parts: ClusterTopologyParts) {
    this.#parts = parts
  }

  read(): Topology {
    const { clock } = this.#parts
    if (this.#looking === null && clock.monotonic() >= this.#nextAt) this.#looking = this.#look()
    const note = [...this.#problems, ...this.#age()].join(' ')
    return note === '' ? this.#picture : { ...this.#picture, note }
  }

  /** Resolves when nothing is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#looking
    this.#parts.client.close()
  }

  #age(): readonly string[] {
    if (this.#seenAt === null) return this.#problems.length === 0 ? ['The cluster is being asked …'] : []
    if (this.#parts.clock.now() - this.#seenAt < staleMs) return []
    return [`The picture is of ${new Date(this.#seenAt).toISOString().replace('T', ' ').slice(0, 19)} UTC.`]
  }

  async #look(): Promise<void> {
    const { clock } = this.#parts
    const begun = clock.monotonic()
    try {
      await this.#ask()
    } catch (error) {
      // An object of a version that we do not understand: events are shown all the same.
      this.#problems = [`The topology cannot be drawn: ${String(error)}.`]
    } finally {
      const took = clock.monotonic() - begun
      this.#nextAt = clock.monotonic() + Math.max(pauseMs, took * restFactor)
      this.#looking = null
    }
  }

  async #ask(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(lookMs)])
    const lists = await Promise.all(kindsOfUsers.map((kind) => this.#list(kind, signal)))
    const all = lists.every(({ kind }) => kind === 'missing')
    this.#problems = all ? ['Millrace is not installed in this cluster.'] : this.#said(lists)
    // Half of a picture would look like a whole one in which something is gone.
    if (lists.some(({ kind }) => kind === 'lost')) return
    this.#picture = clusterPicture(lists.flatMap((list) => (list.kind === 'listed' ? list.objects : [])))
    this.#seenAt = this.#parts.clock.now()
  }

  /** Sentences: what is not in the picture, and why. */
  #said(lists: readonly Listed[]): readonly string[] {
    const named = (kind: Listed['kind']): string =>
      lists.flatMap((list) => (list.kind === kind ? list.plural : [])).join(', ')
    const { namespace } = this.#parts
    const where = namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`
    const cut = lists.flatMap((list) => (list.kind === 'listed' && list.more ? list.plural : []))
    const lost = lists.find((list) => list.kind === 'lost')
    return [
      ...(lost === undefined ? [] : [`The cluster does not answer: ${lost.why}.`]),
      ...(named('forbidden') === ''
        ? []
        : [
            `This viewer may not list ${named('forbidden')} ${where}, so they are not drawn: its ServiceAccount needs the Role of config/examples/viewer.yaml.`,
          ]),
      ...(cut.length === 0 ? [] : [`Of ${cut.join(', ')} the first ${mostObjects} are drawn.`]),
    ]
  }

  async #list({ resource }: PeopleKind, signal: AbortSignal): Promise<Listed> {
    const { client, namespace } = this.#parts
    const { plural } = resource
    const where = namespace === undefined ? {} : { namespace }
    try {
      const { items, continue: next } = await client.list(resource, { ...where, limit: mostObjects }, signal)
      return { kind: 'listed', plural, objects: items.map(seenInCluster), more: next !== undefined }
    } catch (error) {
      if (isFault(error, 'ApiNotFound')) return { kind: 'missing', plural }
      if (isFault(error, 'ApiForbidden')) return { kind: 'forbidden', plural }
      return { kind: 'lost', plural, why: asFault(error).message }
    }
  }
}

type Listed =
  | { readonly kind: 'listed'; readonly plural: string; readonly objects: readonly Seen[]; readonly more: boolean }
  /** The cluster has no such kind: another version of Millrace has not all of them. */
  | { readonly kind: 'missing'; readonly plural: string }
  | { readonly kind: 'forbidden'; readonly plural: string }
  /** It is not known what there is. */
  | { readonly kind: 'lost'; readonly plural: string; readonly why: string }
