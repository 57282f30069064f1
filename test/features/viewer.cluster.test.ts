import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeClient, KubeObject, Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import { sharedApiServer } from '../support/api.ts'
import { barriers } from '../support/barriers.ts'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import { installCrds } from '../support/crds.ts'
import { uniqueName } from '../support/kafka.ts'
import { startKubeProxy, type KubeProxy } from '../support/kube-proxy.ts'
import { ownFolder } from '../support/millrace.ts'
import { startViewer } from '../support/viewer-process.ts'

const { signal } = new AbortController()
const namespace = uniqueName('viewer')
const address = `http://ingress.test/${namespace}/default`

let browser: Browser
let proxy: KubeProxy
let client: KubeClient
beforeAll(async () => {
  const api = await sharedApiServer()
  await installCrds(api)
  client = restClient({ server: api.url, ca: api.ca, cert: api.cert, key: api.key, namespace })
  proxy = await startKubeProxy(api)
  await client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal)
  await made(kinds.broker, 'default', {}, { conditions: [ready('True')], address: { url: address } })
  const sink = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'default' } }
  const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'till' }
  await made(kinds.sinkBinding, 'till', { subject, sink }, { conditions: [ready('True')], sinkUri: address })
  await trigger('orders', 'desk', { conditions: [ready('True')], lag: 7, rate: 2.5 })
  await trigger('lost', 'nobody', { conditions: [ready('False', 'NotFound', 'there is no Service nobody')] })
  browser = await startBrowser()
})
afterAll(async () => {
  await browser.close()
  await client.delete(kinds.namespace, { namespace: '', name: namespace }, signal)
  client.close()
  await proxy[Symbol.asyncDispose]()
})

function ready(status: string, reason = 'Ready', message = '') {
  return { type: 'Ready', status, reason, message, lastTransitionTime: '2026-11-22T10:00:00Z' }
}

async function made(resource: Resource, name: string, spec: object, status: object): Promise<void> {
  const { group, version, kind } = resource
  const object: KubeObject = { apiVersion: `${group}/${version}`, kind, metadata: { name, namespace }, spec }
  await client.create(resource, object, signal)
  await client.patch(resource, { namespace, name }, { kind: 'merge', body: { status } }, signal, {
    subresource: 'status',
  })
}

function trigger(name: string, service: string, status: object): Promise<void> {
  const subscriber = { ref: { apiVersion: 'v1', kind: 'Service', name: service, namespace } }
  const subscriberUri = `http://${service}.${namespace}.svc.cluster.local`
  return made(kinds.trigger, name, { broker: 'default', subscriber }, { subscriberUri, ...status })
}

/** `millrace viewer --kubernetes` that reaches the API server through `proxy`. */
function viewer(...args: readonly string[]) {
  const file = join(ownFolder(), 'kubeconfig')
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'test', cluster: { server: proxy.access.server } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace } }],
  }
  writeFileSync(file, stringify(config))
  return startViewer('--kubernetes', '--kubeconfig', file, ...args)
}

/** Between two looks at the cluster, milliseconds; one that took long is followed by a longer one. */
const restMs = 5_000
const asked = () => proxy.seen.filter(({ path }) => path.includes(namespace)).length

test('the topology of a cluster is drawn: who sends, who takes, rates, what waits, and why something is not Ready', async () => {
  await using it = await viewer()
  await using opened = await openPage(browser, `${it.url}/#topology`, { colorScheme: 'light' })
  const { page } = opened
  const picture = page.locator('topology-view svg')
  for (const name of ['till', 'default', 'orders', 'lost', 'desk', 'nobody'])
    await picture.locator('text.name', { hasText: new RegExp(`^${name}$`) }).waitFor()
  const box = (name: string) =>
    picture.locator('g', { has: page.locator('text.name', { hasText: new RegExp(`^${name}$`) }) })
  expect(await box('orders').textContent()).toContain('2.5/s · lag 7')
  expect(await box('lost').getAttribute('class')).toBe('failed')
  expect(await page.locator('topology-view table').textContent()).toContain('there is no Service nobody')
  expect(await page.locator('topology-view .notice').isVisible()).toBe(false)
  await screenshot(page, 'cluster-picture')
  expect(await barriers(page)).toEqual([])
  expect(opened.complaints).toEqual([])
})

test('what it may not see, and a cluster that does not answer, are said on the page; what was drawn stays', async () => {
  await using it = await viewer()
  const refused = proxy.arrange({ path: /\/kafkasources/ }, { status: 403, reason: 'Forbidden', message: 'no' })
  await using opened = await openPage(browser, `${it.url}/#topology`)
  const { page } = opened
  const note = page.locator('topology-view .notice')
  await expect.poll(() => note.textContent()).toContain(`may not list kafkasources in namespace`)
  await page.locator('topology-view svg text.name', { hasText: /^orders$/ }).waitFor()
  expect(await barriers(page)).toEqual([])
  refused()
  await expect.poll(() => note.isVisible()).toBe(false)
  await proxy.down()
  await expect.poll(() => note.textContent()).toContain('The cluster does not answer')
  await page.locator('topology-view svg text.name', { hasText: /^orders$/ }).waitFor()
  await proxy.up()
  await expect.poll(() => note.isVisible()).toBe(false)
})

test('the cluster is asked while somebody looks, and no more often for two who do', async () => {
  await using it = await viewer()
  const before = asked()
  const since = performance.now()
  const read = async () => ((await (await fetch(`${it.url}/topology`)).json()) as { nodes: unknown[] }).nodes.length
  expect(asked()).toBe(before)
  await expect.poll(read, { interval: 20 }).toBe(6)
  await Promise.all(Array.from({ length: 50 }, read))
  // One list a kind, and again after a rest at the earliest.
  const looks = 1 + Math.floor((performance.now() - since) / restMs)
  expect(asked() - before).toBeGreaterThanOrEqual(4)
  expect(asked() - before).toBeLessThanOrEqual(4 * looks)
})
