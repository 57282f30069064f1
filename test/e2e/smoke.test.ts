import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { deployTestApp, postFromPod, testAppManifest, type TestApp } from './support/app.ts'
import { createNamespace, kubectl, list, tryApply, waitFor, type TestNamespace } from './support/kube.ts'

describe('the cluster of the end-to-end tests', () => {
  let namespace: TestNamespace
  let app: TestApp

  beforeAll(async () => {
    namespace = await createNamespace('smoke')
    app = await deployTestApp(namespace.name)
  })
  afterAll(async () => namespace[Symbol.asyncDispose]())

  it('delivers what one pod posts to the Service of another', async () => {
    const load = { url: `${app.url}/greet?who=world`, prefix: 'hello', data: { text: 'hi' } }

    const outcome = await postFromPod(namespace.name, load)

    expect(outcome).toEqual({ sent: 1, statuses: { '202': 1 }, refused: [] })
    const [record, ...more] = await app.records()
    expect(more).toEqual([])
    const headers = { 'ce-id': 'hello-0' }
    expect(record).toMatchObject({ method: 'POST', path: '/greet?who=world', headers, body: '{"text":"hi"}' })
  })

  it('tells a sender which events were not accepted', async () => {
    await app.behave({ status: 503, body: 'later' })

    const outcome = await app.send({ url: app.url, count: 3, prefix: 'no' })

    const refused = ['no-0', 'no-1', 'no-2']
    expect(outcome).toEqual({ sent: 3, statuses: { '503': 3 }, refused, reason: '503 later' })
    expect(await app.ids()).toEqual(expect.arrayContaining(refused))
  })

  it('replaces a pod that is deleted', async () => {
    const uids = async () =>
      (await list('pods', namespace.name, '-l', `app=${app.name}`)).map(({ metadata }) => metadata.uid)
    const [before] = await uids()
    await kubectl('delete', 'pod', '--all', '--namespace', namespace.name)
    await waitFor('deployment', app.name, 'Available', { namespace: namespace.name })
    await eventually('a new pod answers, without records', async () => (await app.records()).length === 0)
    expect(await uids()).not.toContain(before)
  })

  it('says why a manifest is refused', async () => {
    const [deployment] = testAppManifest('Not A Name')
    const refused = await tryApply([deployment ?? {}], namespace.name)
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('metadata.name')
  })
})
