import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { barriers } from '../support/barriers.ts'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-ports.ts'
import { millrace, ownFolder } from '../support/millrace.ts'

const example = join(import.meta.dirname, '..', '..', 'examples', 'bitcoin')
const namespace = 'knative-eventing-websocket-source'
const classification = 'dev.knative.eventing.josiemundi.transaction.classifer'

let browser: Browser
beforeAll(async () => void (browser = await startBrowser()))
afterAll(() => browser.close())
afterEach(() => void vi.unstubAllEnvs())

/** The example as its README says, on free ports: source, classifier and page are all started by the manifests. */
async function startExample() {
  const port = await freePort()
  vi.stubEnv('PORT', String(port)).stubEnv('RATE', '5')
  const ports = ['--port', '0', '--display-port', '0', '--data', join(ownFolder(), 'data')]
  const service = ['--service', `classifier.${namespace}=http://127.0.0.1:${port}`]
  const dev = millrace('dev', '-f', example, ...ports, ...service)
  const urlIn = async (start: string) => /http:\S+/.exec(await dev.line(start))?.[0] ?? ''
  const display = await urlIn('  display')
  const broker = await urlIn(`Broker ${namespace}/default Ready`)
  return { dev, display, broker, [Symbol.asyncDispose]: () => dev.stop() }
}

const rows = (page: Page, text: string) => page.locator('event-list [role=option]', { hasText: text })

/** A transaction of one coin. */
async function sendTransaction(broker: string, id: string, satoshi: number): Promise<void> {
  const headers = {
    ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': 'websocket-event' },
    ...{ 'ce-source': 'wss://ws.blockchain.info/inv', 'content-type': 'application/json' },
  }
  const body = JSON.stringify({ op: 'utx', x: { inputs: [{ prev_out: { value: satoshi } }] } })
  expect((await fetch(broker, { method: 'POST', headers, body })).status).toBe(202)
}

test('a transaction and what the classifier answered it with show on the page, and the way of the answers is drawn', async () => {
  await using it = await startExample()
  await using opened = await openPage(browser, it.display, { colorScheme: 'light' })
  const { page } = opened
  await rows(page, 'websocket-event').first().waitFor()
  await rows(page, 'classifer').first().waitFor()
  // One that we know the answer to.
  await page.getByLabel('Find in attributes and data').fill('123456789')
  await sendTransaction(it.broker, 'ours', 123_456_789)
  await expect.poll(() => page.locator('event-list [role=option]:visible').count()).toBe(2)
  await screenshot(page, 'bitcoin-events')
  await rows(page, 'classifer').click()
  const detail = page.locator('event-detail')
  expect(await detail.locator('h2').textContent()).toBe(classification)
  expect(await detail.locator('pre').textContent()).toBe('{\n  "msg": "large",\n  "satoshi": 123456789\n}')
  // Only an event that was read from the log has this: the answer took the way through the Broker.
  expect(await detail.locator('dl').textContent()).toContain('knativekafkaoffset')

  await page.getByRole('tab', { name: 'Topology' }).click()
  const picture = page.locator('topology-view svg')
  await picture.locator('path.edge.reply').waitFor()
  await expect.poll(() => picture.locator('text.way.reply').textContent()).toMatch(/^replies \d[\d.]*\/s · \d+ in all$/)
  await expect.poll(() => picture.getAttribute('aria-label')).toContain('replies of Service')
  await picture.locator('path.edge.reply.flowing').waitFor()
  await screenshot(page, 'bitcoin-topology')
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect(await barriers(page)).toEqual([])
    await screenshot(page, `bitcoin-topology-${colorScheme}`)
  }
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  // What is wider than the screen is reached with the keyboard.
  await page.getByRole('region', { name: 'Picture of the topology' }).focus()
  await page.keyboard.press('ArrowRight')
  await expect
    .poll(() => page.evaluate(`document.querySelector('topology-view .picture').scrollLeft`))
    .toBeGreaterThan(0)
  await screenshot(page, 'bitcoin-topology-phone')
  expect(opened.complaints).toEqual([])
})

/** Processes below `pid` that are there (proc(5)). */
function below(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return children.flatMap((child) => [child, ...below(child)])
}

/** One that has ended stays in the list as Z until process 1 takes notice of its end. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('ctrl-C ends all of it', async () => {
  await using it = await startExample()
  await it.dev.line('classifier | listens')
  await it.dev.line('generator | 5 transactions')
  const parts = below(it.dev.pid)
  expect(parts.length).toBeGreaterThanOrEqual(2)
  await it.dev.stop()
  await eventually('all of it has ended', () => !parts.some(runs))
})
