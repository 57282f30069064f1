import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { contractGroup, contractVersion } from '../src/contract/objects.ts'
import { kinds } from '../src/kube/kinds.ts'
import type { Child } from '../test/support/child.ts'
import { eventually } from '../test/support/eventually.ts'
import { forEach } from './support/at-once.ts'
import { Cluster, system } from './support/cluster.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'

const bench = 'outlets'
const topics = 100
const partitions = 10
/** A worker is looked at this long after its last Outlet consumes, milliseconds. */
const settleMs = 15_000
const atOnce = 16
const topicsAtOnce = 4
/** MB, not MiB: with 100 Outlets, and with all. */
const limits = { few: 120, all: 250 }

const forever = new AbortController().signal

/**
 * Resident memory of workers in a cluster, on a real API server and 1,000 real partitions: with an Outlet a topic, then with all. No controller
 * takes part: Inlets and Outlets are written as it writes them.
 */
export async function outlets(scene: Scene, all: number): Promise<readonly Figure[]> {
  await using cluster = await Cluster.start({ without: 'controller' })
  const names: string[] = []
  await forEach(topics, topicsAtOnce, async () => names.push(await scene.topic(partitions)))
  await forEach(topics, atOnce, (index) => createInlet(cluster, scene, names[index] ?? ''))
  const consuming = new Consuming(cluster)
  const created = async (from: number, to: number): Promise<void> => {
    await forEach(to - from, atOnce, (index) => createOutlet(cluster, scene, names[(from + index) % topics] ?? ''))
    await consuming.reached(to)
    await wait(settleMs)
  }
  const ingress = await cluster.ingress()
  const dispatcher = await cluster.dispatcher()
  await created(0, topics)
  const few = figures(ingress.child, dispatcher, topics, limits.few)
  if (all <= topics) return few
  await created(topics, all)
  return [...few, ...figures(ingress.child, dispatcher, all, limits.all)]
}

function figures(ingress: Child, dispatcher: Child, count: number, limit: number): readonly Figure[] {
  const figure = (role: string, child: Child, most: number): Figure => {
    const value = child.rssMib()
    const what = `${role} with ${count.toLocaleString('en')} Outlets on ${(topics * partitions).toLocaleString('en')} partitions`
    return { bench, what, value, unit: 'MiB', asked: { text: `≤ ${most} MB`, holds: value * 1.048576 <= most } }
  }
  return [figure('dispatcher', dispatcher, limit), figure('ingress', ingress, limits.few)]
}

function createInlet({ client }: Cluster, scene: Scene, topic: string): Promise<unknown> {
  const { uid: _, generation: __, ...spec } = scene.inlet(topic)
  return client.create(
    kinds.inlet,
    object('Inlet', { ...spec, path: `/bench/${topic}`, bootstrapServers: scene.kafka }),
    forever,
  )
}

/** No event passes its filter. */
function createOutlet({ client }: Cluster, scene: Scene, topic: string): Promise<unknown> {
  const more = {
    filter: { attributes: { type: 'com.example.never' } },
    replyTopic: topic,
    bootstrapServers: scene.kafka,
  }
  const { uid: _, generation: __, ...spec } = scene.outlet(topic, 'http://127.0.0.1:9/my-custom-path', more)
  return client.create(kinds.outlet, object('Outlet', spec), forever)
}

function object(kind: string, spec: object) {
  const apiVersion = `${contractGroup}/${contractVersion}`
  return { apiVersion, kind, metadata: { namespace: system, name: randomUUID() }, spec }
}

/** Asks now and then, by pages: an informer would be a load that no cluster has. */
class Consuming {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async reached(count: number): Promise<void> {
    const withinMs = 30_000 + count * 100
    await eventually(`${count} Outlets consuming`, async () => (await this.#count()) >= count, {
      withinMs,
      everyMs: 1_000,
    })
  }

  async #count(): Promise<number> {
    let count = 0
    for (let next: string | undefined = ''; next !== undefined;) {
      const more: { continue?: string } = next === '' ? {} : { continue: next }
      const options = { namespace: system, limit: 500, ...more }
      const page = await this.#cluster.client.list(kinds.outlet, options, forever)
      count += page.items.filter(
        ({ status }) => (status as { state?: string } | undefined)?.state === 'consuming',
      ).length
      next = page.continue
    }
    return count
  }
}
