import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriers } from '../support/barriers.ts'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import type { Child } from '../support/child.ts'
import { millrace, ownFolder } from '../support/millrace.ts'

const run = promisify(execFile)

const manifests = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: default }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: orders }
spec:
  broker: default
  filter: { attributes: { type: order.created } }
  subscriber: { ref: { apiVersion: v1, kind: Service, name: order-desk } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: audit }
spec:
  broker: default
  subscriber: { ref: { apiVersion: v1, kind: Service, name: archive } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: stuck }
spec:
  broker: default
  filter: { attributes: { type: order.created } }
  subscriber: { ref: { apiVersion: v1, kind: Service, name: nobody-home } }
  delivery: { retry: 100, backoffDelay: PT5S }
`

let browser: Browser
let dev: Child
let display: string
let broker: string
/** One for all, which go on where the one before has ended. */
beforeAll(async () => {
  browser = await startBrowser()
  const folder = ownFolder()
  writeFileSync(join(folder, 'app.yaml'), manifests)
  const ports = ['--port', '0', '--display-port', '0', '--data', join(folder, 'data')]
  dev = millrace('dev', ...ports, '-f', join(folder, 'app.yaml'), '--service', 'nobody-home=http://127.0.0.1:9')
  const urlIn = async (start: string) => /http:\S+/.exec(await dev.line(start))?.[0] ?? ''
  display = await urlIn('  display')
  broker = await urlIn('Broker default/default Ready')
  for (const name of ['orders', 'audit', 'stuck']) await dev.line(`Trigger default/${name} Ready`)
})
afterAll(async () => {
  await dev?.stop()
  await browser?.close()
})

async function send(id: string, data: string, more: Record<string, string> = {}): Promise<void> {
  const headers = {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': '/shop',
    'ce-type': 'order.created',
    'content-type': 'application/json',
    ...more,
  }
  expect((await fetch(broker, { method: 'POST', headers, body: data })).status).toBe(202)
}

test('the first event: the page says how to send it, its own words work, and there it is', async () => {
  await using opened = await openPage(browser, display, { colorScheme: 'light' })
  const { page } = opened
  const command = await page.locator('empty-state pre').textContent()
  await expect.poll(() => page.locator('empty-state pre').textContent()).toContain(broker)
  await screenshot(page, 'first-event-before')
  const { stdout } = await run('sh', ['-c', `${(await page.locator('empty-state pre').textContent()) ?? command} -s`])
  expect(stdout).toMatch(/^HTTP\/1.1 202 /)
  await page.locator('event-list [role=option]').first().waitFor()
  expect(await page.locator('event-list [role=option]:visible').allTextContents()).toEqual([
    expect.stringContaining('com.example.greeting'),
  ])
  expect(opened.complaints).toEqual([])
})

test('details, and copied as curl an event goes through the Broker again', async () => {
  await using opened = await openPage(browser, display, { permissions: ['clipboard-read', 'clipboard-write'] })
  const { page } = opened
  const data = `{"who":"Ida's \\"café\\" & co","n":1.0,"big":12345678901234567890}`
  await send('first', data, { 'ce-subject': 'caf%C3%A9%20%22%25%22', 'ce-priority': "it's high" })
  await expect.poll(() => page.locator('event-list [role=option]:visible').count()).toBe(3)
  await page.locator('event-list [role=option]', { hasText: 'order-desk' }).click()
  const detail = page.locator('event-detail')
  await expect.poll(() => detail.locator('dl').textContent()).toContain('café "%"')
  // Laid out, and yet no number is another one.
  expect(await detail.locator('pre').textContent()).toBe(
    `{\n  "who": "Ida's \\"café\\" & co",\n  "n": 1.0,\n  "big": 12345678901234567890\n}`,
  )
  await detail.getByRole('button', { name: 'hex' }).click()
  expect(await detail.locator('pre').textContent()).toContain('000000  7b 22 77 68 6f 22')
  await detail.getByRole('button', { name: 'raw' }).click()
  expect(await detail.locator('pre').textContent()).toBe(data)
  await detail.getByRole('button', { name: 'What became of it?' }).click()
  await expect.poll(() => detail.locator('.fate').textContent()).toContain('accepted by Broker default/default')
  await expect
    .poll(() => detail.locator('.fate').textContent())
    .toMatch(/Trigger default\/orders: .* delivered, answered 200/)
  await screenshot(page, 'detail')
  await detail.getByRole('button', { name: 'Copy trace' }).click()
  await page.locator('#toast.shown').waitFor()
  const trace = await page.evaluate<string>('navigator.clipboard.readText()')
  expect(trace).toBe(`npx millrace trace --source=/shop --display=${new URL(display).origin} -- first`)

  await page.keyboard.press('c')
  const copied = (): Promise<string> => page.evaluate<string>('navigator.clipboard.readText()')
  await expect.poll(copied).toContain(broker)
  const command = await copied()
  const { stdout } = await run('sh', ['-c', command])
  expect(stdout).toMatch(/^HTTP\/1.1 202 /)
  await expect.poll(() => page.locator('event-list').textContent()).toContain('2 newer')
  const seen = (await (await fetch(`${display}/events/5`)).json()) as {
    attributes: Record<string, string>
    data: string
  }
  expect(seen).toMatchObject({ attributes: { id: 'first', subject: 'café "%"', priority: "it's high" }, data })
  expect(opened.complaints).toEqual([])
})

test('the topology is drawn: names, states, rates, and what waits', async () => {
  await using opened = await openPage(browser, display, { colorScheme: 'light' })
  const { page } = opened
  await page.getByRole('tab', { name: 'Topology' }).click()
  const picture = page.locator('topology-view svg')
  for (const name of ['default', 'orders', 'audit', 'stuck', 'order-desk', 'archive', 'nobody-home', 'HTTP POST']) {
    await picture.locator('text.name', { hasText: new RegExp(`^${name}$`) }).waitFor()
  }
  expect(await picture.locator('path.edge').count()).toBe(7)
  for (const id of ['1', '2', '3']) await send(id, '{}')
  const box = (name: string) =>
    picture.locator('g', { has: page.locator('text.name', { hasText: new RegExp(`^${name}$`) }) })
  await expect.poll(() => box('stuck').textContent()).toContain('lag 5')
  await expect.poll(() => box('audit').textContent()).toContain('6 in all · lag 0')
  await expect.poll(() => box('default').textContent()).toContain('6 in all')
  const row = page.locator('topology-view tr', { hasText: 'stuck' })
  expect((await row.locator('td').allTextContents()).at(-1)).toBe('5')
  // And why: nobody listens there.
  await expect.poll(() => row.textContent()).toContain('ECONNREFUSED')
  await screenshot(page, 'topology')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect(await barriers(page)).toEqual([])
  }
  await page.setViewportSize({ width: 360, height: 700 })
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  await screenshot(page, 'topology-phone')
  expect(opened.complaints).toEqual([])
})
