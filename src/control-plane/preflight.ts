import type { KubeClient, Resource, StoredObject } from '../kube/client.ts'
import { kinds } from '../kube/kinds.ts'

/** Everything that we install has this label. */
const ours = { key: 'app.kubernetes.io/name', value: 'millrace' } as const

/** The kinds of users that we serve: of each there is one definition in a cluster, and one who admits. */
const definitions = [
  'brokers.eventing.knative.dev',
  'triggers.eventing.knative.dev',
  'sinkbindings.sources.knative.dev',
  'kafkasources.sources.knative.dev',
]

/** Knative calls its webhooks `webhook.eventing.knative.dev`, `validation.webhook.kafka.eventing.knative.dev`, ... */
const webhookNames = /(^|\.)(eventing|messaging|sources)\.knative\.dev$/

/** Controllers, webhooks and data planes of Knative Eventing and of its Kafka Broker. */
const deployments = new Set([
  'eventing-controller',
  'eventing-webhook',
  'kafka-controller',
  'kafka-webhook-eventing',
  'kafka-broker-receiver',
  'kafka-broker-dispatcher',
  'mt-broker-controller',
  'mt-broker-ingress',
  'mt-broker-filter',
])

/**
 * What of another manager stands where ours would: `CustomResourceDefinition brokers.eventing.knative.dev`, one each, sorted. Two that write the same
 * objects would undo each other's work for ever. Empty: go ahead.
 * @throws Fault when the API server cannot be asked.
 */
export async function foreignObjects(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const find = async (resource: Resource, where: { namespace?: string }, wanted: (name: string) => boolean) => {
    const found = await listAll(client, resource, where, signal)
    return found
      .filter(({ metadata }) => wanted(metadata.name) && metadata.labels?.[ours.key] !== ours.value)
      .map(({ metadata }) => `${resource.kind} ${[...Object.values(where), metadata.name].join('/')}`)
  }
  const all = await Promise.all([
    find(kinds.crd, {}, (name) => definitions.includes(name)),
    find(kinds.mutatingWebhook, {}, (name) => webhookNames.test(name)),
    find(kinds.validatingWebhook, {}, (name) => webhookNames.test(name)),
    find(kinds.deployment, { namespace }, (name) => deployments.has(name)),
  ])
  return all.flat().sort()
}

/** One message about them, with what to do. */
export function foreignMessage(foreign: readonly string[]): string {
  return (
    `another manager of Brokers and Triggers is installed: ${foreign.join(', ')}. Two of them would undo each other's work. ` +
    `Remove it first, or, to take over its Brokers and Triggers, follow docs/operations.md ("Beside another Knative Eventing"); where some of it must stay, start Millrace with --adopt`
  )
}

async function listAll(
  client: KubeClient,
  resource: Resource,
  where: { namespace?: string },
  signal: AbortSignal,
): Promise<StoredObject[]> {
  const found: StoredObject[] = []
  for (let next: string | undefined = ''; next !== undefined;) {
    const options = { ...where, metadataOnly: true, limit: 500, ...(next === '' ? {} : { continue: next }) }
    const page = await client.list(resource, options, signal)
    found.push(...page.items)
    next = page.continue
  }
  return found
}
