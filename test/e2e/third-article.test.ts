import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { testApp } from './support/app.ts'
import { apply, cluster, condition, deleteNamespace, get, waitFor, watchedNamespaces } from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'

const folder = join(import.meta.dirname, '..', 'corpus', 'third-article')
/** As its files say. */
const namespace = 'knative-eventing-websocket-source'

/** One of its files as it was published, but for the image. */
async function file(name: string): Promise<string> {
  const text = await readFile(join(folder, `${name}.yaml`), 'utf8')
  return text.replaceAll(/^( *(?:- )?image: ).*$/gm, `$1${cluster().appImage}`)
}

beforeAll(async () => {
  await installMillrace()
  await deleteNamespace(namespace)
  watchedNamespaces.add(namespace)
})
afterAll(() => deleteNamespace(namespace))

describe('a reader of the third article, who applies its files in their order', () => {
  it('gets a Broker by the label of the namespace, and sees the transactions', async () => {
    await apply(await file('001-namespace'))
    const broker = await waitFor('broker', 'default', 'Ready', { namespace })
    expect(broker.status?.['address']).toMatchObject({
      url: `http://kafka-broker-ingress.knative-eventing.svc.cluster.local/${namespace}/default`,
    })
    await apply(await file('010-deployment'))
    await apply(await file('040-trigger'))
    await apply(await file('050-kubernetesdeploy'))
    await apply(await file('060-kubernetesservice'))

    await waitFor('trigger', 'wsevent-trigger', 'Ready', { namespace })
    await waitFor('deployment', 'event-display', 'Available', { namespace })
    const display = testApp(namespace, 'event-display')
    const seen = await eventually(
      'ten transactions are shown',
      async () => {
        const records = await display.records()
        return records.length >= 10 ? records : null
      },
      { withinMs: 60_000, everyMs: 500 },
    )

    expect(seen[0]).toMatchObject({
      path: '/',
      headers: { 'ce-source': 'wss://ws.blockchain.info/inv', 'ce-type': 'websocket-event' },
    })
    const ids = seen.map(({ headers }) => headers['ce-id'])
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('reads in the status which kind a later file asks for that this cluster has not', async () => {
    await apply(await file('041-trigger-reply'))
    const trigger = await waitFor('trigger', 'reply-trigger-test', 'Ready=False', { namespace })
    expect(condition(trigger, 'SubscriberResolved')).toMatchObject({ status: 'False', reason: 'KindNotInstalled' })
    expect((await get('trigger', 'wsevent-trigger', namespace))?.spec).toMatchObject({
      broker: 'default',
      filter: { attributes: { source: 'wss://ws.blockchain.info/inv' } },
    })
  })
})
