import { setTimeout as wait } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import { sendEvents, startViewer } from '../support/viewer-process.ts'

let browser: Browser
beforeAll(async () => void (browser = await startBrowser()))
afterAll(() => browser.close())

const perSecond = 1_000
const seconds = 5
const batch = 20

/** A thousand events a second, as evenly as batches allow. */
async function load(url: string): Promise<void> {
  const start = performance.now()
  for (let sent = 0; sent < perSecond * seconds; sent += batch) {
    const due = start + (sent / perSecond) * 1_000 - performance.now()
    if (due > 0) await wait(due)
    const events = Array.from({ length: batch }, (_, i) => ({
      id: String(sent + i + 1),
      type: `com.example.load.${i % 5}`,
      datacontenttype: 'application/json',
      data: { number: sent + i + 1, text: 'some text that an event has '.repeat(5) },
    }))
    await sendEvents(`${url}/default/service-${sent % 3}`, events)
  }
}

/** How long the page itself has worked since its start, seconds of processor: what other programs do meanwhile does not count. */
async function work(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
  }
}

const nodes = (page: Page): Promise<number> => page.evaluate<number>("document.getElementsByTagName('*').length")

test('a thousand events a second for five seconds: the page answers, its list is as small as before, and it has them all', async () => {
  await using viewer = await startViewer()
  await sendEvents(
    viewer.url,
    Array.from({ length: 100 }, (_, i) => ({ id: `before ${i}` })),
  )
  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  await expect.poll(() => page.locator('event-list [role=option]:visible').count()).toBeGreaterThan(10)
  const rows = () => page.locator('event-list [role=option]').count()
  const [rowsBefore, nodesBefore] = [await rows(), await nodes(page)]
  // Of 800 pixels with rows of 34 each, and eight to spare.
  expect(rowsBefore).toBeLessThanOrEqual(32)
  const worked = await work(page)
  const before = await worked()
  const loading = load(viewer.url)
  await wait((seconds * 1_000) / 2)
  // In the middle of it: somebody chooses an event, reads, and goes on.
  await page.keyboard.press('ArrowDown')
  await page.locator('event-detail h2').waitFor()
  await page.keyboard.press('Escape')
  await loading
  await expect.poll(() => page.locator('#state').textContent()).toContain('5,100 events')
  const busy = (await worked()) - before
  console.log(`${perSecond * seconds} events: the page worked for ${busy.toFixed(2)} s`)
  await screenshot(page, 'load')
  // Half of the time that they took to come, so that there is as much for who reads.
  expect(busy).toBeGreaterThan(0)
  expect(busy).toBeLessThan(seconds / 2)
  expect(await rows()).toBeLessThanOrEqual(rowsBefore)
  // Three buttons, for the paths that came.
  expect((await nodes(page)) - nodesBefore).toBeLessThanOrEqual(4)
  const list = page.locator('event-list [role=option]:visible').first()
  expect(await list.getAttribute('aria-setsize')).toBe('2000')
  expect(await page.locator('event-list [aria-posinset="1"]').textContent()).toContain('"number":5000,')
  expect(await page.locator('#notice').isVisible()).toBe(false)
  expect(opened.complaints).toEqual([])
})

test('with a filter only what fits comes to the page', async () => {
  await using viewer = await startViewer()
  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  await page.getByLabel('Find in attributes and data').fill('"number":5')
  await page.getByText('No event fits').waitFor()
  await sendEvents(
    viewer.url,
    Array.from({ length: 1_000 }, (_, i) => ({ id: `${i}`, datacontenttype: 'application/json', data: { number: i } })),
  )
  await expect.poll(() => page.locator('event-list [aria-posinset="1"]').getAttribute('aria-setsize')).toBe('111')
})
