import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { testApp, testAppManifest } from './support/app.ts'
import { addressOf, apply, condition, createNamespace, kubectl, waitFor } from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'

type Part = 'broker' | 'trigger' | 'service'

const orders: readonly (readonly Part[])[] = [
  ['broker', 'trigger', 'service'],
  ['broker', 'service', 'trigger'],
  ['trigger', 'broker', 'service'],
  ['trigger', 'service', 'broker'],
  ['service', 'broker', 'trigger'],
  ['service', 'trigger', 'broker'],
]

beforeAll(installMillrace)

describe.concurrent('in whatever order they are applied, Broker, Trigger and Service find each other', () => {
  it.for(orders)('%s, %s, %s', async (order) => {
    await using namespace = await createNamespace('order')
    const { name } = namespace
    for (const part of order) {
      await applyPart(part, name)
      await settled(part, name)
    }

    const broker = await waitFor('broker', 'default', 'Ready', { namespace: name })
    await waitFor('trigger', 'to-service', 'Ready', { namespace: name })
    await waitFor('deployment', 'service', 'Available', { namespace: name })
    const app = testApp(name, 'service')
    const url = addressOf(broker)
    const outcome = await app.send({ url, count: 1, prefix: name })

    expect(outcome).toEqual({ sent: 1, statuses: { '202': 1 }, refused: [] })
    await eventually('the event arrives', async () => (await app.ids()).length > 0)
    expect(await app.ids()).toEqual([`${name}-0`])
  })
})

async function applyPart(part: Part, namespace: string): Promise<void> {
  if (part === 'service') {
    await apply(testAppManifest('service'), namespace)
    return
  }
  const subscriber = '{ref: {apiVersion: v1, kind: Service, name: service}}'
  const manifest = {
    broker: '{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}',
    trigger: `{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: to-service}, spec: {broker: default, subscriber: ${subscriber}}}`,
  }
  await apply(manifest[part], namespace)
}

/** Resolves when the controller has made up its mind about it: what comes next has to change that. */
async function settled(part: Part, namespace: string): Promise<void> {
  if (part === 'service') return void (await kubectl('get', 'service', 'service', '-n', namespace))
  const name = part === 'broker' ? 'default' : 'to-service'
  await waitFor(part, name, (object) => condition(object, 'Ready') !== undefined, { namespace })
}
