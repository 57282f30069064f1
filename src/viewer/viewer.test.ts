import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { seenEvents, sseBlocks } from '../../test/support/sse.ts'
import { systemClock as clock } from '../core/clock.ts'
import { maxShownBytes, type SeenEvent } from './seen-event.ts'
import type { Topology } from './topology.ts'
import { createViewer, type Viewer, type ViewerOptions } from './viewer.ts'

const open: Viewer[] = []
afterEach(() => Promise.all(open.splice(0).map((viewer) => viewer.close())))

async function start(options: Partial<ViewerOptions> = {}): Promise<Viewer> {
  const viewer = await createViewer({ host: '127.0.0.1', port: 0, clock, ...options })
  open.push(viewer)
  return viewer
}

const attributes = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/t', 'ce-type': 'greeting' }

function post(
  url: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { ...attributes, ...headers }, body: body ?? null })
}

async function next(count: number, url: string): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = []
  for await (const event of seenEvents(await fetch(url))) if (seen.push(event) === count) break
  return seen
}

test('an event in binary mode is taken with 200 and shown live, with the path that it was for', async () => {
  const { url } = await start()
  const stream = seenEvents(await fetch(`${url}/events`))
  const answer = await post(`${url}/default/greeter?x=1`, '{"a":1.0}', {
    'content-type': 'application/json',
    'ce-myext': '<b>',
  })
  expect(answer.status).toBe(200)
  const { value } = await stream.next()
  expect(value).toMatchObject({
    number: 1,
    to: '/default/greeter',
    attributes: { id: '1', source: '/t', type: 'greeting', datacontenttype: 'application/json', myext: '<b>' },
    data: '{"a":1.0}',
    form: 'text',
    bytes: 9,
  })
})

test('events in structured mode and in batches are taken too', async () => {
  const { url } = await start()
  const event = { specversion: '1.0', id: 's', source: '/t', type: 'greeting', data: { hello: 'world' } }
  const send = (type: string, body: unknown) =>
    fetch(url, { method: 'POST', headers: { 'content-type': type }, body: JSON.stringify(body) })
  expect((await send('application/cloudevents+json', event)).status).toBe(200)
  const batch = [
    { ...event, id: 'b1' },
    { ...event, id: 'b2' },
  ]
  expect((await send('application/cloudevents-batch+json', batch)).status).toBe(200)
  const seen = await next(3, `${url}/events`)
  expect(seen.map(({ attributes }) => attributes['id'])).toEqual(['s', 'b1', 'b2'])
  expect(seen[2]).toMatchObject({ to: '/', data: '{"hello":"world"}' })
})

test('what is no CloudEvent gets 400 and a sentence, and is not shown', async () => {
  const { url } = await start()
  const answer = await fetch(url, { method: 'POST', body: 'hello' })
  expect(answer.status).toBe(400)
  expect(await answer.text()).toMatch(/carries no CloudEvent\. Add the headers .*\n$/)
  await post(url, undefined, { 'ce-id': 'good' })
  expect(await next(1, `${url}/events`)).toMatchObject([{ number: 1, attributes: { id: 'good' } }])
})

test('data: none, text cut between characters, bytes that are no text; the whole is at /events/<number>', async () => {
  const { url } = await start()
  const long = 'x'.repeat(maxShownBytes - 1) + '€'.repeat(1000)
  for (const data of [undefined, long, new Uint8Array([0xff, 0, 1]), 'a\0b']) await post(url, data)
  const [none, cut, binary, nul] = await next(4, `${url}/events`)
  expect(none).toMatchObject({ data: null, bytes: 0 })
  expect(cut).toMatchObject({ data: 'x'.repeat(maxShownBytes - 1), form: 'text', bytes: maxShownBytes - 1 + 3000 })
  expect(binary).toMatchObject({ data: '/wAB', form: 'base64', bytes: 3 })
  expect(nul).toMatchObject({ data: 'YQBi', form: 'base64', bytes: 3 })
  expect(await (await fetch(`${url}/events/2`)).json()).toMatchObject({ number: 2, data: long })
  expect((await fetch(`${url}/events/5`)).status).toBe(404)
})

test('who joins late gets what is kept, oldest first, and from then on what comes', async () => {
  const { url } = await start({ maxEvents: 20 })
  for (let id = 1; id <= 25; id += 1) await post(url, undefined, { 'ce-id': String(id) })
  const ids: string[] = []
  for await (const { attributes } of seenEvents(await fetch(`${url}/events`))) {
    ids.push(attributes['id'] ?? '')
    if (ids.length === 20) await post(url, undefined, { 'ce-id': 'live' })
    if (ids.length === 21) break
  }
  expect(ids).toEqual([...Array.from({ length: 20 }, (_, at) => String(at + 6)), 'live'])
})

/** Reads a stream until it has been told an id that is at or after `number`. */
async function readTo(number: number, answer: Response) {
  const blocks = []
  for await (const block of sseBlocks(answer)) {
    blocks.push(block)
    if (Number(block.id?.split('-')[1] ?? 0) >= number) break
  }
  const numbers = blocks.flatMap(({ event, data }) =>
    event === '' && data !== null ? [(JSON.parse(data) as SeenEvent).number] : [],
  )
  return { blocks, numbers, id: blocks.at(-1)?.id ?? '' }
}

test('after a break a stream goes on with the event after the last id, also when a filter let nothing through', async () => {
  const { url } = await start()
  for (let at = 0; at < 3; at += 1) await post(url)
  const first = await readTo(3, await fetch(`${url}/events?exact=type:other`))
  expect(first.numbers).toEqual([])
  await post(url)
  await post(url)
  const again = await readTo(5, await fetch(`${url}/events`, { headers: { 'last-event-id': first.id } }))
  expect(again.numbers).toEqual([4, 5])
  expect(again.blocks.filter(({ event }) => event === 'missed')).toEqual([])
})

test('an id of another run counts for nothing: all that is kept comes', async () => {
  const { url } = await start()
  await post(url)
  expect((await readTo(1, await fetch(`${url}/events`, { headers: { 'last-event-id': 'abc-1' } }))).numbers).toEqual([
    1,
  ])
})

test('who comes back too late is told how many were let go meanwhile', async () => {
  const { url } = await start({ maxEvents: 5 })
  await post(url)
  const { id } = await readTo(1, await fetch(`${url}/events`))
  for (let at = 0; at < 10; at += 1) await post(url)
  const again = await readTo(11, await fetch(`${url}/events?after=${id}`))
  expect(again.blocks.find(({ event }) => event === 'missed')?.data).toBe('{"count":5}')
  expect(again.numbers).toEqual([7, 8, 9, 10, 11])
})

test('also who was here before the first event is told what it missed', async () => {
  const { url } = await start({ maxEvents: 2 })
  const { body } = await fetch(`${url}/events`)
  let id = ''
  for await (const block of sseBlocks(new Response(body))) if ((id = block.id ?? '') !== '') break
  for (let i = 0; i < 5; i += 1) await post(url)
  const again = await fetch(`${url}/events`, { headers: { 'last-event-id': id } })
  const blocks: string[] = []
  for await (const { event, data } of sseBlocks(again)) {
    if (data !== null && event !== 'hello') blocks.push(data)
    if (blocks.length === 3) break
  }
  expect(blocks[0]).toBe('{"count":3}')
})

test('a page that does not read is overtaken and told so, and nobody else waits for it', async () => {
  const { url } = await start({ maxEvents: 20 })
  const slow = connect(Number(new URL(url).port), '127.0.0.1')
  slow.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise((resolve) => slow.once('data', resolve))
  slow.pause()
  const stream = seenEvents(await fetch(`${url}/events`))
  // Far more in all than sockets hold: as JSON each byte takes six.
  const data = '\u0001'.repeat(maxShownBytes)
  const count = 400
  for (let id = 1; id <= count; id += 1) expect((await post(url, data)).status).toBe(200)
  for await (const { number } of stream) if (number === count) break
  let got = ''
  slow.on('data', (chunk) => (got += chunk.toString()))
  slow.resume()
  await expect.poll(() => got).toContain(`"number":${count},`)
  slow.destroy()
  const told = [...got.matchAll(/event: missed\ndata: {"count":(\d+)}/g)]
  const missed = told.reduce((sum, [, count]) => sum + Number(count), 0)
  expect(missed).toBeGreaterThan(100)
  expect(got.split('"number":').length - 1).toBe(count - missed)
})

test('each dialect of a filter lets through what fits, and nothing else', async () => {
  const { url } = await start()
  const events = [
    { 'ce-id': 'a', 'ce-type': 'order.created', 'ce-source': '/shop/berlin' },
    { 'ce-id': 'b', 'ce-type': 'order.paid', 'ce-source': '/shop/paris', 'ce-priority': 'high' },
    { 'ce-id': 'c', 'ce-type': 'user.created', 'ce-source': '/crm' },
  ]
  for (const headers of events) await post(`${url}/default/one`, 'Grüße', headers)
  await post(`${url}/default/two`, 'the end', { 'ce-id': 'end', 'ce-type': 'order.created', 'ce-source': '/shop/end' })
  const cases = [
    ['exact=type:order.created', ['a', 'end']],
    ['prefix=type:order.', ['a', 'b', 'end']],
    ['suffix=type:.created', ['a', 'c', 'end']],
    ['prefix=type:order.&suffix=source:paris', ['b']],
    [`cesql=${encodeURIComponent("type LIKE '%.created' AND NOT EXISTS priority")}`, ['a', 'c', 'end']],
    ['cesql=EXISTS%20priority', ['b']],
    ['text=GR%C3%9C', ['a', 'b', 'c']],
    ['text=priority', ['b']],
    ['to=/default/two', ['end']],
  ] as const
  for (const [query, ids] of cases) {
    const seen = await next(ids.length, `${url}/events?${query}`)
    expect([query, seen.map(({ attributes }) => attributes['id'])]).toEqual([query, ids])
  }
})

test('a filter that is wrong is told in words, each part by its number', async () => {
  const { url } = await start()
  const query = `exact=type:a&cesql=${encodeURIComponent("type = = 'a'")}&prefix=nocolon&suffix=Type:x`
  const answer = await fetch(`${url}/filter?${query}`)
  expect(await answer.json()).toMatchObject({
    problems: [
      { index: 1, parameter: 'cesql', message: expect.stringContaining('is not CloudEvents SQL: ') },
      { index: 2, parameter: 'prefix', message: expect.stringContaining('a colon and a value') },
      { index: 3, parameter: 'suffix', message: expect.stringContaining('is not the name of an event attribute') },
    ],
  })
  expect((await fetch(`${url}/events?${query}`)).status).toBe(400)
  expect(await (await fetch(`${url}/filter?exact=type:a`)).json()).toEqual({ problems: [] })
})

test('as the display of the third article, a stream can be of data alone', async () => {
  const { url } = await start()
  await post(url, 'one\ntwo\r\nthree')
  for await (const { data } of sseBlocks(await fetch(`${url}/events?format=data`))) {
    if (data === null) continue
    expect(data).toBe('one\ntwo\nthree')
    break
  }
})

test('about once a second a stream is told the rate and how many there were', async () => {
  const { url } = await start()
  await post(`${url}/default/a`)
  for await (const { event, data } of sseBlocks(await fetch(`${url}/events`))) {
    if (event !== 'tick') continue
    expect(JSON.parse(data ?? '')).toMatchObject({ total: 1, paths: [['/default/a', 1]], rate: expect.any(Number) })
    break
  }
})

test('the topology is what is handed in; without one there is none', async () => {
  const topology: Topology = {
    nodes: [{ id: 'b', role: 'broker', kind: 'Broker', namespace: 'default', name: 'default', state: 'ready' }],
    edges: [],
  }
  const { url } = await start({ topology: { read: () => topology } })
  expect(await (await fetch(`${url}/topology`)).json()).toEqual(topology)
  const alone = await start()
  expect((await fetch(`${alone.url}/topology`)).status).toBe(404)
})

test('more than 16 MiB is refused with 413, other methods with 405, other pages with 404', async () => {
  const { url } = await start()
  expect((await post(url, new Uint8Array(16 * 1024 * 1024 + 1))).status).toBe(413)
  const put = await fetch(url, { method: 'PUT', body: 'x' })
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  for (const path of ['nothing', 'page/nothing.js', 'page/../viewer.ts', 'page/%2e%2e/viewer.ts', 'events/x']) {
    expect((await fetch(`${url}/${path}`)).status).toBe(404)
  }
  await post(url)
  expect(await next(1, `${url}/events`)).toMatchObject([{ number: 1, data: null }])
})

test('many large requests at once take no more memory than there is for them; small ones get in all the same', async () => {
  const { url } = await start()
  const { port } = new URL(url)
  const mib = Buffer.alloc(2 ** 20, 'x')
  const held = Array.from({ length: 6 }, () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined)
    socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${16 * mib.length}\r\n\r\n`)
    for (let i = 0; i < 15; i += 1) socket.write(mib)
    return socket
  })
  const large = () => post(url, mib)
  await expect.poll(async () => (await large()).status).toBe(503)
  expect((await large()).headers.get('retry-after')).toBe('1')
  expect((await post(url, 'small')).status).toBe(200)
  for (const socket of held) socket.destroy()
  await expect.poll(async () => (await large()).status).toBe(200)
})

test('the page runs its own files and nothing else, and loads nothing from elsewhere', async () => {
  const { url } = await start()
  const answer = await fetch(url)
  const page = await answer.text()
  const policy = answer.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).not.toContain('unsafe')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
  expect(page).not.toMatch(/<[^>]+ (style|on[a-z]+)=|<script>|<style>|https?:/)
  const files = [...page.matchAll(/(?:src|href)="(page\/[^"]+)"/g)].map(([, path]) => path)
  for (const path of files) {
    const file = await fetch(`${url}/${path}`)
    expect([path, file.status]).toEqual([path, 200])
    const again = await fetch(`${url}/${path}`, { headers: { 'if-none-match': file.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
    expect(await file.text()).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(/)
  }
})

test('close ends open streams and frees the port', async () => {
  const viewer = await createViewer({ host: '127.0.0.1', port: 0, clock })
  const reader = (await fetch(`${viewer.url}/events`)).body!.getReader()
  await reader.read()
  const ended = reader.read().then(
    ({ done }) => done,
    () => true,
  )
  await viewer.close()
  expect(await ended).toBe(true)
  const again = await createViewer({ host: '127.0.0.1', port: Number(new URL(viewer.url).port), clock })
  await again.close()
})
