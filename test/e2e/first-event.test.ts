import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { deployTestApp, postFromPod } from './support/app.ts'
import { addressOf, apply, createNamespace, get, kubectl, list, systemNamespace, waitFor } from './support/kube.ts'
import { kafkaState } from './support/kafka.ts'
import { installMillrace } from './support/millrace.ts'

const corpus = join(import.meta.dirname, '..', 'corpus')

beforeAll(installMillrace)

describe('a user who applies a Broker and the Trigger of the first article', () => {
  it('gets the event at /my-custom-path, and leaves nothing behind', async () => {
    await using namespace = await createNamespace('first')
    const { name } = namespace
    await apply('{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}', name)
    await apply(await readFile(join(corpus, 'seed-posts__000_trigger.yaml'), 'utf8'), name)
    const app = await deployTestApp(name, 'my-service')
    const broker = await waitFor('broker', 'default', 'Ready', { namespace: name })
    await waitFor('trigger', 'my-service-trigger', 'Ready', { namespace: name })

    const url = addressOf(broker)
    const outcome = await postFromPod(name, { url, prefix: 'first', data: { text: 'hello' } })

    expect(outcome).toEqual({ sent: 1, statuses: { '202': 1 }, refused: [] })
    const record = await eventually('the event arrives', async () => (await app.records())[0])
    expect(record).toMatchObject({
      method: 'POST',
      path: '/my-custom-path',
      headers: { 'ce-id': 'first-0', 'ce-type': 'dev.millrace.test' },
      body: '{"text":"hello"}',
    })

    const topic = `knative-broker-${name}-default`
    const group = `knative-trigger-${name}-my-service-trigger`
    expect(await kafkaState(topic, group)).toEqual({ topic: true, group: 'simple' })
    await kubectl('delete', 'trigger', 'my-service-trigger', '-n', name, '--timeout=30s')
    await kubectl('delete', 'broker', 'default', '-n', name, '--timeout=30s')
    expect(await list('inlets,outlets', systemNamespace, '-l', `millrace.dev/source-namespace=${name}`)).toEqual([])
    expect(await kafkaState(topic, group)).toEqual({ topic: false, group: 'missing' })
    expect(await get('broker', 'default', name)).toBeNull()
  })
})
