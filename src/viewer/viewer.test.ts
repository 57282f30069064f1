import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { maxShownBytes, SeenEvents, type SeenEvent } from './events.ts'
import { createViewer, type Viewer } from './viewer.ts'

const open: Viewer[] = []
afterEach(() => Promise.all(open.splice(0).map((viewer) => viewer.close())))

async function start(): Promise<Viewer> {
  const viewer = await createViewer({ host: '127.0.0.1', port: 0, clock })
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

/** The events of a stream as the page reads them, until it ends. */
async function* eventsOf(answer: Response): AsyncGenerator<SeenEvent> {
  let rest = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + chunk).split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) if (frame.startsWith('data: ')) yield JSON.parse(frame.slice('data: '.length))
  }
}

async function next(count: number, url: string): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = []
  for await (const event of eventsOf(await fetch(`${url}/events`))) if (seen.push(event) === count) break
  return seen
}

test('an event in binary mode is taken with 200 and shown live, with the path that it was for', async () => {
  const { url } = await start()
  const stream = eventsOf(await fetch(`${url}/events`))
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

test('an event in structured mode is taken too', async () => {
  const { url } = await start()
  const event = { specversion: '1.0', id: 's', source: '/t', type: 'greeting', data: { hello: 'world' } }
  const headers = { 'content-type': 'application/cloudevents+json' }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(event) })
  expect(answer.status).toBe(200)
  expect(await next(1, url)).toMatchObject([{ to: '/', attributes: { id: 's' }, data: '{"hello":"world"}' }])
})

test('what is no CloudEvent gets 400 and a sentence, and is not shown', async () => {
  const { url } = await start()
  const answer = await fetch(url, { method: 'POST', body: 'hello' })
  expect(answer.status).toBe(400)
  expect(await answer.text()).toMatch(/carries no CloudEvent\. Add the headers .*\n$/)
  await post(url, undefined, { 'ce-id': 'good' })
  expect(await next(1, url)).toMatchObject([{ number: 1, attributes: { id: 'good' } }])
})

test('data: none, text cut between characters, bytes that are no text', async () => {
  const { url } = await start()
  const long = 'x'.repeat(maxShownBytes - 1) + '€'.repeat(1000)
  for (const data of [undefined, long, new Uint8Array([0xff, 0, 1]), 'a\0b']) await post(url, data)
  const [none, cut, binary, nul] = await next(4, url)
  expect(none).toMatchObject({ data: null, bytes: 0 })
  expect(cut).toMatchObject({ data: 'x'.repeat(maxShownBytes - 1), form: 'text', bytes: maxShownBytes - 1 + 3000 })
  expect(binary).toMatchObject({ data: '/wAB', form: 'base64', bytes: 3 })
  expect(nul).toMatchObject({ data: 'YQBi', form: 'base64', bytes: 3 })
})

test('who joins late gets the newest 200, oldest first, and from then on what comes', async () => {
  const { url } = await start()
  for (let id = 1; id <= 205; id += 1) await post(url, undefined, { 'ce-id': String(id) })
  const stream = eventsOf(await fetch(`${url}/events`))
  const ids: string[] = []
  for await (const { attributes } of stream) {
    ids.push(attributes['id'] ?? '')
    if (ids.length === 200) await post(url, undefined, { 'ce-id': 'live' })
    if (ids.length === 201) break
  }
  expect(ids).toEqual([...Array.from({ length: 200 }, (_, at) => String(at + 6)), 'live'])
})

test('what is kept is bounded in bytes too, whatever an event is made of', () => {
  const limit = { events: 200, bytes: 1024 * 1024 }
  const seen = new SeenEvents(limit)
  // As JSON a control character takes six bytes; there may be a million attributes of a megabyte each.
  const attributes = new Map(Array.from({ length: 1000 }, (_, at) => [`ext${at}`, 'v'.repeat(10_000)]))
  const data = Buffer.alloc(100_000, '\u0001')
  for (let at = 0; at < 50; at += 1) seen.add({ attributes, data }, `/${'p'.repeat(10_000)}`, 0)
  const bytes = seen.recent.reduce((sum, frame) => sum + frame.length, 0)
  expect(bytes).toBeLessThanOrEqual(limit.bytes)
  expect(seen.recent.length).toBeGreaterThan(1)
})

test('a page that does not read is let go, and nobody else waits for it', async () => {
  const { url } = await start()
  const slow = connect(Number(new URL(url).port), '127.0.0.1')
  slow.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  slow.on('error', () => {})
  await new Promise((resolve) => slow.once('data', resolve))
  slow.pause()
  const stream = eventsOf(await fetch(`${url}/events`))
  // 16 KiB that take six times that as JSON: far more in all than sockets and the limit hold.
  const data = '\u0001'.repeat(maxShownBytes)
  const count = 400
  for (let id = 1; id <= count; id += 1) {
    expect((await post(url, data)).status).toBe(200)
    expect((await stream.next()).value).toMatchObject({ number: id })
  }
  let got = 0
  slow.on('data', (chunk) => (got += chunk.length))
  const closed = new Promise((resolve) => slow.once('close', resolve))
  slow.resume()
  await closed
  expect(got).toBeLessThan(count * data.length * 6)
})

test('more than 16 MiB is refused with 413, other methods with 405, other pages with 404', async () => {
  const { url } = await start()
  expect((await post(url, new Uint8Array(16 * 1024 * 1024 + 1))).status).toBe(413)
  const put = await fetch(url, { method: 'PUT', body: 'x' })
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST'])
  expect((await fetch(`${url}/nothing`)).status).toBe(404)
  await post(url)
  expect(await next(1, url)).toMatchObject([{ number: 1, data: null }])
})

test('the page runs its own script and style and nothing else', async () => {
  const { url } = await start()
  const answer = await fetch(url)
  const page = await answer.text()
  const policy = answer.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  for (const tag of ['script', 'style']) {
    const contents = page.split(`<${tag}>`)
    expect(contents).toHaveLength(2)
    const content = contents[1]?.split(`</${tag}>`)[0] ?? ''
    expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(content).digest('base64')}'`)
  }
  expect(page).not.toMatch(/<[^>]+ (style|on[a-z]+)=|innerHTML|insertAdjacentHTML|document\.write/)
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
