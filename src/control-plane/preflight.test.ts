import { expect, it } from 'vitest'
import { apiVersionOf, type Resource } from '../kube/client.ts'
import { kinds } from '../kube/kinds.ts'
import { MemoryApi } from '../kube/memory.ts'
import { foreignMessage, foreignObjects } from './preflight.ts'

const { signal } = new AbortController()
const namespace = 'knative-eventing'
const knative = { 'app.kubernetes.io/name': 'knative-eventing' }
const ours = { 'app.kubernetes.io/name': 'millrace' }

async function found(...objects: readonly (readonly [Resource, string, Record<string, string>?, string?])[]) {
  const client = new MemoryApi().client()
  for (const [resource, name, labels, where] of objects) {
    const metadata = { name, ...(labels && { labels }), ...(where === undefined ? {} : { namespace: where }) }
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
    await client.create(resource, object, signal)
  }
  return foreignObjects(client, namespace, signal)
}

it('goes ahead where nothing is, and where we are', async () => {
  expect(await found()).toEqual([])
  expect(
    await found(
      [kinds.crd, 'brokers.eventing.knative.dev', ours],
      [kinds.mutatingWebhook, 'webhook.millrace.dev', ours],
      [kinds.deployment, 'millrace-controller', ours, namespace],
    ),
  ).toEqual([])
})

it('names everything of another manager that stands in the way, labelled or not', async () => {
  const foreign = await found(
    [kinds.crd, 'brokers.eventing.knative.dev', knative],
    [kinds.crd, 'triggers.eventing.knative.dev'],
    [kinds.mutatingWebhook, 'webhook.eventing.knative.dev', knative],
    [kinds.validatingWebhook, 'validation.webhook.kafka.eventing.knative.dev'],
    [kinds.deployment, 'eventing-controller', knative, namespace],
    [kinds.deployment, 'kafka-controller', knative, namespace],
  )
  expect(foreign).toEqual([
    'CustomResourceDefinition brokers.eventing.knative.dev',
    'CustomResourceDefinition triggers.eventing.knative.dev',
    'Deployment knative-eventing/eventing-controller',
    'Deployment knative-eventing/kafka-controller',
    'MutatingWebhookConfiguration webhook.eventing.knative.dev',
    'ValidatingWebhookConfiguration validation.webhook.kafka.eventing.knative.dev',
  ])
  expect(foreignMessage(foreign)).toContain('start Millrace with --adopt')
})

it('does not mind what only sounds like it', async () => {
  expect(
    await found(
      [kinds.crd, 'services.serving.knative.dev', knative],
      [kinds.mutatingWebhook, 'webhook.serving.knative.dev', knative],
      [kinds.validatingWebhook, 'policy.example.com'],
      [kinds.deployment, 'eventing-controller', knative, 'elsewhere'],
      [kinds.deployment, 'some-app', {}, namespace],
    ),
  ).toEqual([])
})
