import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriers } from '../support/barriers.ts'
import { openPage, screenshot, startBrowser } from '../support/browser.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { createViewer, type ViewerOptions } from '../../src/viewer/viewer.ts'
import { cuttable } from '../support/cuttable.ts'
import { sendEvents } from '../support/viewer-process.ts'

let browser: Browser
beforeAll(async () => void (browser = await startBrowser()))
afterAll(() => browser.close())

/** In this process: the command has tests of its own, and a process for each would take most of the time. */
async function startViewer(options: Partial<ViewerOptions> = {}): Promise<AsyncDisposable & { url: string }> {
  const { url, close } = await createViewer({ host: '127.0.0.1', port: 0, clock, ...options })
  return { url, [Symbol.asyncDispose]: close }
}

const rows = (page: Page) => page.locator('event-list [role=option]:visible')
/** What is at the top, newest first: the data of each event is its id. */
const shownIds = async (page: Page): Promise<string[]> => {
  const found = await rows(page).evaluateAll((elements) =>
    elements
      .map((element) => ({
        at: Number(element.getAttribute('aria-posinset')),
        id: element.lastElementChild?.textContent ?? '',
      }))
      .toSorted((a, b) => a.at - b.at),
  )
  return found.map(({ id }) => id)
}

const event = (id: string, more: Record<string, string> = {}) => ({
  id,
  data: id,
  datacontenttype: 'text/plain',
  ...more,
})

test('filters: each dialect, several together, a wrong expression, and the way back', async () => {
  await using viewer = await startViewer()
  await sendEvents(viewer.url, [
    event('a', { type: 'order.created', source: '/shop/berlin' }),
    event('b', { type: 'order.paid', source: '/shop/paris', priority: 'high' }),
    event('c', { type: 'user.created', source: '/crm' }),
  ])
  await using opened = await openPage(browser, viewer.url, { colorScheme: 'dark' })
  const { page } = opened
  const shows = (...ids: string[]) => expect.poll(() => shownIds(page)).toEqual(ids)
  await shows('c', 'b', 'a')

  await page.keyboard.press('f')
  const bar = page.locator('filter-bar')
  await bar.getByLabel('Value').fill('order.paid')
  await shows('b')
  await bar.getByLabel('Dialect').selectOption('prefix')
  await bar.getByLabel('Value').fill('order.')
  await shows('b', 'a')
  await bar.getByLabel('Dialect').selectOption('suffix')
  await bar.getByLabel('Attribute', { exact: true }).fill('source')
  await bar.getByLabel('Value').fill('berlin')
  await shows('a')

  await bar.getByLabel('Dialect').selectOption('cesql')
  const expression = bar.getByLabel('CloudEvents SQL expression')
  await expression.fill("type LIKE '%.created' AND NOT EXISTS priority")
  await shows('c', 'a')
  await expression.fill("type = = 'x'")
  expect(await bar.getByRole('alert').textContent()).toMatch(/^is not CloudEvents SQL: character 8: /)
  expect(await expression.getAttribute('aria-invalid')).toBe('true')
  await screenshot(page, 'filter-wrong')
  // The last right one is still in force, also for what comes.
  await sendEvents(viewer.url, [event('d', { type: 'user.created' }), event('e', { type: 'order.paid' })])
  await shows('d', 'c', 'a')

  await page.getByLabel('Find in attributes and data').fill('BERLIN')
  await expression.fill('EXISTS source')
  await shows('a')
  await page.keyboard.press('Escape')
  await shows('e', 'd', 'c', 'b', 'a')
  expect(await bar.getByRole('alert').count()).toBe(0)

  await rows(page).filter({ hasText: '/crm' }).click()
  await page.getByRole('button', { name: 'Only this source' }).click()
  await shows('c')
  expect(opened.complaints).toEqual([])
})

test('a pause holds what comes, counts it, and lets it in when it ends', async () => {
  await using viewer = await startViewer()
  await sendEvents(viewer.url, [event('before')])
  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  await expect.poll(() => shownIds(page)).toEqual(['before'])
  await page.keyboard.press('Space')
  await sendEvents(viewer.url, [event('held 1'), event('held 2')])
  await page.getByRole('button', { name: 'Go on (2 new)' }).waitFor()
  expect(await shownIds(page)).toEqual(['before'])
  await screenshot(page, 'paused')
  await page.keyboard.press('Space')
  await expect.poll(() => shownIds(page)).toEqual(['held 2', 'held 1', 'before'])
  expect(await page.locator('#state').textContent()).toContain('live')
})

test('who joins late sees what is kept; after a break nothing is missing and nothing is there twice', async () => {
  await using viewer = await startViewer({ maxEvents: 50 })
  const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `e${from + i}`)
  await sendEvents(
    viewer.url,
    ids(1, 60).map((id) => event(id)),
  )
  await using way = await cuttable(viewer.url)
  await using opened = await openPage(browser, way.url)
  const { page } = opened
  await expect.poll(async () => (await shownIds(page)).slice(0, 2)).toEqual(['e60', 'e59'])
  const kept = () => rows(page).first().getAttribute('aria-setsize')
  expect(await kept()).toBe('50')

  way.cut()
  await expect.poll(() => page.locator('#state').textContent()).toContain('not connected')
  await sendEvents(
    viewer.url,
    ids(61, 75).map((id) => event(id)),
  )
  way.mend()
  await expect.poll(async () => (await shownIds(page)).slice(0, 16)).toEqual(ids(60, 75).reverse())
  expect(await page.locator('#notice').isVisible()).toBe(false)

  // More than is kept: then it is said how many are gone.
  way.cut()
  await sendEvents(
    viewer.url,
    ids(76, 145).map((id) => event(id)),
  )
  way.mend()
  await expect.poll(() => page.locator('#notice').textContent()).toContain('20 events came faster')
  await expect.poll(async () => (await shownIds(page))[0]).toBe('e145')
})

test('without the token there is a page that asks for it, and then the events', async () => {
  await using viewer = await startViewer({ token: 'open-sesame' })
  await sendEvents(viewer.url, [event('secret')])
  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  expect(await page.content()).not.toContain('secret')
  await page.getByLabel('Token').fill('wrong-token')
  expect(await page.getByRole('alert').count()).toBe(0)
  await page.getByRole('button', { name: 'Show events' }).click()
  expect(await page.getByRole('alert').textContent()).toBe('That was not the token.')
  await page.getByLabel('Token').fill('open-sesame')
  await screenshot(page, 'login')
  await page.getByRole('button', { name: 'Show events' }).click()
  await expect.poll(() => shownIds(page)).toEqual(['secret'])
  // It does not stay where others could read it.
  expect(page.url()).not.toContain('sesame')
  expect(await page.evaluate('document.cookie')).toBe('')
})

const hostile = [
  '<script>window.pwned = 1</script>',
  '<img src=x onerror="window.pwned=1">',
  '"><svg/onload=window.pwned=1>',
  'javascript:window.pwned=1',
  '</textarea></style></title><iframe srcdoc="<script>parent.pwned=1</script>">',
  '{{constructor.constructor("window.pwned=1")()}} ${window.pwned=1}',
  '\u202Egnp.exe \u2066hidden\u2069 \u200B\uFEFF',
  'nul \u0000 bell \u0007 escape \u001B[31m',
]

test('whatever an event holds stays text', async () => {
  await using viewer = await startViewer()
  const events = hostile.map((text, i) => ({
    ...event(`${text}${i}`),
    type: `t${i}.${text.replaceAll(/\p{Cc}/gu, '')}`,
    source: `/s?${encodeURI(text)}`,
    subject: text.replaceAll(/\p{Cc}/gu, '') || 'x',
    __proto__: undefined,
    onload: 'window.pwned=1',
    constructor: '<b>1</b>',
    data: text,
  }))
  for (const each of events) {
    const { id, ...rest } = each
    await sendEvents(`${viewer.url}/<script>window.pwned=1</script>/"><img src=x onerror=window.pwned=1>`, [
      { ...rest, id: id.replaceAll(/\p{Cc}/gu, '') },
    ])
  }
  const html = { id: 'html', datacontenttype: 'text/html', data: hostile.join('\n') }
  const xml = { id: 'xml', datacontenttype: 'application/xml', data: `<a><b>${hostile[0]}</b><!-- x --></a>` }
  const json = { id: 'json', datacontenttype: 'application/json', data: { [hostile[0] ?? '']: hostile, __proto__: 1 } }
  const huge = { id: 'huge', datacontenttype: 'text/plain', data: hostile[1]?.repeat(6_000) }
  const binary = { id: 'binary', data_base64: Buffer.from([0, 255, 1, 2, 60, 98, 62]).toString('base64') }
  await sendEvents(viewer.url, [html, xml, json, huge, binary])

  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  await expect.poll(() => rows(page).count()).toBe(events.length + 5)
  const detail = page.locator('event-detail')
  for (let at = 0; at < events.length + 5; at += 1) {
    await page.keyboard.press('ArrowDown')
    await detail.locator('pre').waitFor()
    const views = await detail.locator('[data-view]').all()
    for (const view of views) await view.click()
    await page.locator('event-list [role=listbox]').focus()
  }
  expect(await page.evaluate("'pwned' in window")).toBe(false)
  const made = 'main script, main img:not([src="page/wheel.svg"]), main iframe, main svg [onload], main b b, main a'
  expect(await page.locator(made).count()).toBe(0)
  // What cannot be seen is shown as what it is, and turns nothing around.
  const first = rows(page).last()
  expect(await page.locator('event-list').textContent()).toContain('⟨202E⟩gnp.exe')
  await first.scrollIntoViewIfNeeded()
  await screenshot(page, 'hostile')
  await rows(page).filter({ hasText: 'binary, 7 bytes' }).click()
  expect(await detail.locator('pre').textContent()).toBe(
    '000000  00 ff 01 02 3c 62 3e                             ····<b>',
  )
  expect(opened.complaints).toEqual([])
})

test('long data is there as a whole when it is looked at', async () => {
  await using viewer = await startViewer()
  const data = `${'long '.repeat(20_000)}the end`
  await sendEvents(viewer.url, [{ id: 'long', datacontenttype: 'text/plain', data }])
  await using opened = await openPage(browser, viewer.url)
  const { page } = opened
  await rows(page).first().click()
  await expect.poll(async () => (await page.locator('event-detail pre').textContent())?.endsWith('the end')).toBe(true)
})

test('by keyboard alone', async () => {
  await using viewer = await startViewer()
  await sendEvents(
    viewer.url,
    Array.from({ length: 40 }, (_, i) => event(`e${i + 1}`)),
  )
  await using opened = await openPage(browser, viewer.url, { permissions: ['clipboard-read', 'clipboard-write'] })
  const { page } = opened
  await expect.poll(() => shownIds(page).then(([first]) => first)).toBe('e40')
  const chosen = () => page.locator('event-list [aria-selected=true]').last().textContent()
  for (const [key, id] of [
    ['ArrowDown', 'e40'],
    ['ArrowDown', 'e39'],
    ['ArrowUp', 'e40'],
    ['End', 'e1'],
  ] as const) {
    await page.keyboard.press(key)
    expect(await chosen()).toMatch(new RegExp(`${id}$`))
  }
  // What is chosen is seen, and stays where it is while others come.
  const top = () => page.locator('event-list [aria-selected=true]').evaluate((row) => row.getBoundingClientRect().top)
  const before = await top()
  await sendEvents(viewer.url, [event('new 1'), event('new 2')])
  await page.getByRole('button', { name: '2 newer' }).waitFor()
  expect(Math.abs((await top()) - before)).toBeLessThan(2)
  const active = await page.locator('[role=listbox]').getAttribute('aria-activedescendant')
  expect(await page.locator(`#${active}`).textContent()).toContain('e1')

  await page.keyboard.press('Enter')
  expect(await page.evaluate("document.activeElement.closest('event-detail') !== null")).toBe(true)
  await page.keyboard.press('Escape')
  expect(await page.locator('event-detail').isVisible()).toBe(false)
  await expect.poll(() => shownIds(page).then(([first]) => first)).toBe('new 2')
  await page.keyboard.press('/')
  await page.keyboard.type('e3 p')
  // Keys of the page are letters here.
  expect(await page.getByLabel('Find in attributes and data').inputValue()).toBe('e3 p')
  await page.keyboard.press('Escape')
  await page.keyboard.press('?')
  await page.getByRole('dialog').waitFor()
  await screenshot(page, 'help')
  await page.keyboard.press('Escape')
  expect(await page.getByRole('dialog').isVisible()).toBe(false)
  expect(opened.complaints).toEqual([])
})

test('on a phone nothing is wider than the screen', async () => {
  await using viewer = await startViewer()
  await sendEvents(`${viewer.url}/default/a-service-with-a-long-name`, [
    {
      id: 'x'.repeat(300),
      type: `com.example.${'very'.repeat(60)}`,
      source: `/${'s'.repeat(500)}`,
      data: 'y'.repeat(3_000),
    },
    { id: 'j', datacontenttype: 'application/json', data: { a: [1, 2, { b: 'z'.repeat(400) }] } },
  ])
  await sendEvents(`${viewer.url}/default/another`, [event('z')])
  const phone = { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
  await using opened = await openPage(browser, viewer.url, phone)
  const { page } = opened
  await expect.poll(() => rows(page).count()).toBe(3)
  const fits = () => page.evaluate('document.documentElement.scrollWidth <= innerWidth')
  expect(await fits()).toBe(true)
  await page.getByRole('button', { name: '+ Filter' }).tap()
  await screenshot(page, 'phone')
  expect(await fits()).toBe(true)
  await page.getByRole('button', { name: 'Remove this filter' }).tap()
  await rows(page).filter({ hasText: 'yyyy' }).tap()
  await page.locator('event-detail pre').waitFor()
  await screenshot(page, 'phone-detail')
  expect(await fits()).toBe(true)
  expect(await page.locator('event-detail .body').evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true)
  await page.getByRole('button', { name: 'Close the details' }).tap()
  expect(await page.locator('event-detail').isVisible()).toBe(false)
})

test.for(['light', 'dark'] as const)('no barrier that axe finds, %s', async (colorScheme) => {
  await using viewer = await startViewer()
  await using opened = await openPage(browser, viewer.url, { colorScheme, reducedMotion: 'reduce' })
  const { page } = opened
  await page.locator('empty-state pre').waitFor()
  expect(await barriers(page)).toEqual([])
  const data = { a: 'text', b: [1, true, null] }
  await sendEvents(`${viewer.url}/default/one`, [{ id: '1', datacontenttype: 'application/json', data }])
  await sendEvents(`${viewer.url}/default/two`, [event('2')])
  await expect.poll(() => rows(page).count()).toBe(2)
  await rows(page).filter({ hasText: '"a":' }).click()
  await page.keyboard.press('f')
  await page.getByLabel('Value').fill('order.created')
  await screenshot(page, `events-${colorScheme}`)
  expect(await barriers(page)).toEqual([])
  await page.getByLabel('Dialect').selectOption('cesql')
  await page.getByLabel('CloudEvents SQL expression').fill('= =')
  await page.getByRole('alert').waitFor()
  expect(await barriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Help' }).click()
  expect(await barriers(page)).toEqual([])
})
