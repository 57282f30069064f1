import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { postFromPod } from './support/app.ts'
import { addressOf, apply, cluster, deleteNamespace, get, kubectl, waitFor, watchedNamespaces } from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'

const example = join(import.meta.dirname, '..', '..', 'examples', 'bitcoin')
/** As its files say, which are the same that `millrace dev` runs. */
const namespace = 'knative-eventing-websocket-source'

/** Pods of a cluster that is elsewhere are not reached from this machine. */
const ours = it.skipIf(!cluster().ours)

let browser: Browser
beforeAll(async () => {
  await installMillrace()
  await deleteNamespace(namespace)
  watchedNamespaces.add(namespace)
  browser = await startBrowser()
})
afterAll(async () => {
  await browser.close()
  await deleteNamespace(namespace)
})

/** As `kubectl apply -k` would, but for the images. */
async function applyExample(): Promise<void> {
  const text = await kubectl('kustomize', example)
  const { image, appImage } = cluster()
  await apply(
    text.replaceAll('image: millrace:dev', `image: ${image}`).replaceAll(/image: node:\S+/g, `image: ${appImage}`),
  )
}

/** Of the page, as it is reached from this machine, by the bridge of the cluster. */
async function pageUrl(): Promise<string> {
  const service = await get('service', 'event-display', namespace)
  const url = `http://${String(service?.spec?.['clusterIP'])}`
  await eventually('the page answers', async () => (await fetch(`${url}/healthz`)).ok)
  return url
}

const rows = (page: Page, text: string) => page.locator('event-list [role=option]:visible', { hasText: text })

describe('the third article with a classifier that replies, applied as it stands', () => {
  ours('shows transactions and the answers to them on the page, and the way that they take', async () => {
    await applyExample()
    const broker = await waitFor('broker', 'default', 'Ready', { namespace })
    for (const name of ['wsevent-trigger', 'classifier-trigger', 'classify-trigger-test'])
      await waitFor('trigger', name, 'Ready', { namespace })
    for (const name of ['event-display', 'classifier']) await waitFor('deployment', name, 'Available', { namespace })

    await using opened = await openPage(browser, await pageUrl(), { colorScheme: 'light' })
    const { page } = opened
    // Of the generator, which knows the Broker by its SinkBinding alone.
    await rows(page, 'websocket-event').first().waitFor()
    await rows(page, 'classifer').first().waitFor()
    // One that we know the answer to.
    await page.getByLabel('Find in attributes and data').fill('123456789')
    const data = { op: 'utx', x: { inputs: [{ prev_out: { value: 123_456_789 } }] } }
    const event = { type: 'websocket-event', source: 'wss://ws.blockchain.info/inv', prefix: 'ours', data }
    expect((await postFromPod(namespace, { url: addressOf(broker), ...event })).refused).toEqual([])
    await expect.poll(() => page.locator('event-list [role=option]:visible').count(), { timeout: 30_000 }).toBe(2)
    await rows(page, 'classifer').click()
    expect(await page.locator('event-detail pre').textContent()).toBe('{\n  "msg": "large",\n  "satoshi": 123456789\n}')
    await screenshot(page, 'cluster-events')

    await page.getByRole('tab', { name: 'Topology' }).click()
    const picture = page.locator('topology-view svg')
    for (const name of ['generator', 'default', 'classifier-trigger', 'classifier', 'event-display', 'test-display'])
      await picture.locator('text.name', { hasText: new RegExp(`^${name}$`) }).waitFor()
    await picture.locator('g.ready', { hasText: 'classifier-trigger' }).waitFor()
    expect(await page.locator('topology-view .notice').isVisible()).toBe(false)
    await screenshot(page, 'cluster-topology')
    // A browser says of plain HTTP from elsewhere that it takes less notice of us.
    expect(opened.complaints.filter((said) => !said.includes('Cross-Origin-Opener-Policy'))).toEqual([])
  })

  ours('says on the page what its ServiceAccount may not see', async () => {
    await kubectl('delete', 'rolebinding', 'event-display', '-n', namespace)
    await using opened = await openPage(browser, `${await pageUrl()}/#topology`)
    const note = opened.page.locator('topology-view .notice')
    await expect
      .poll(() => note.textContent(), { timeout: 30_000 })
      .toContain(`may not list brokers, triggers, sinkbindings, kafkasources in namespace ${namespace}`)
    await screenshot(opened.page, 'cluster-topology-forbidden')
  })
})
