import { Fault } from '../../../core/fault.ts'
import type { StoredObject } from '../../../kube/client.ts'
import { isFault } from '../../../kube/faults.ts'
import { kinds } from '../../../kube/kinds.ts'
import { systemClock as clock } from '../../../core/clock.ts'
import type { Environment } from '../../flags.ts'
import { listIfAllowed, notInstalled, untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import type { PeopleKind } from '../kinds.ts'
import { outletsOf } from '../outlets.ts'
import { printed } from '../output/objects.ts'
import { paintFor } from '../output/paint.ts'
import { descriptionOf, type Description, type ToldEvent } from './description.ts'
import type { DescribeFlags } from './flags.ts'
import { relatedTo, type World } from './related.ts'
import { textOf } from './text.ts'

/** `millrace describe`. @throws Fault when one does not exist. */
export async function describe(flags: DescribeFlags, env: Environment): Promise<boolean> {
  return withClusterOf(flags, async (cluster) => {
    const found: Description[] = []
    for (const { kind, name } of flags.asked) found.push(await describeOne(kind, name, flags, cluster))
    if (flags.output === 'text') {
      const paint = paintFor(process.stdout, env)
      console.log(found.map((each) => textOf(each, { paint, now: clock.now() })).join('\n\n'))
    } else console.log(printed(found.length === 1 ? found[0] : found, flags.output))
    return true
  })
}

async function describeOne(
  { resource, internal }: PeopleKind,
  name: string,
  { systemNamespace, namespace: given }: DescribeFlags,
  cluster: Cluster,
): Promise<Description> {
  const namespace = internal ? (given ?? systemNamespace) : cluster.namespace
  const object = await cluster.client.get(resource, { namespace, name }, untilDone).catch((error: unknown) => {
    throw isFault(error, 'ApiNotFound') ? notInstalled(resource) : error
  })
  if (object === null) {
    const others = `millrace get ${resource.plural} -n ${namespace}`
    throw new Fault('ApiNotFound', `${resource.kind} ${namespace}/${name} does not exist; those that do: ${others}`)
  }
  const world = await worldOf(object, cluster, systemNamespace)
  const related = relatedTo(object, world)
  return descriptionOf(object, { systemNamespace, related, internal, events: await eventsOf(object, cluster) })
}

async function worldOf(object: StoredObject, cluster: Cluster, systemNamespace: string): Promise<World> {
  const { client } = cluster
  const { namespace = '', name } = object.metadata
  const outlets = object.kind === 'SinkBinding' ? null : await outletsOf(cluster, systemNamespace, namespace)
  const common = { outlets, now: clock.now() }
  if (object.kind === 'Broker') {
    const triggers = (await listIfAllowed(client, kinds.trigger, { namespace }, untilDone)) ?? []
    return { ...common, triggers: triggers.filter((trigger) => brokerOf(trigger) === name) }
  }
  if (object.kind !== 'Trigger') return common
  return { ...common, broker: await client.get(kinds.broker, { namespace, name: brokerOf(object) }, untilDone) }
}

function brokerOf(trigger: StoredObject): string {
  return (trigger['spec'] as { readonly broker?: string } | undefined)?.broker ?? 'default'
}

interface KubeEvent {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly lastTimestamp?: string
  readonly eventTime?: string
  readonly count?: number
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string }
}

/** So many are told, the latest last. */
const mostEvents = 10

async function eventsOf({ metadata }: StoredObject, { client }: Cluster): Promise<readonly ToldEvent[]> {
  const { namespace = 'default', uid } = metadata
  const found = await listIfAllowed(
    client,
    kinds.event,
    { namespace, fieldSelector: `involvedObject.uid=${uid}` },
    untilDone,
  )
  return (found ?? [])
    .map((each) => toldEvent(each as KubeEvent & StoredObject))
    .sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : 1))
    .slice(-mostEvents)
}

function toldEvent({
  type = '',
  reason = '',
  message = '',
  lastTimestamp,
  eventTime,
  count,
  series,
  metadata,
}: KubeEvent & StoredObject): ToldEvent {
  const lastSeen = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? ''
  return { type, reason, message, lastSeen, count: series?.count ?? count ?? 1 }
}
