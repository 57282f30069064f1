import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { createViewer, type Viewer, type ViewerOptions } from './viewer.ts'

const open: Viewer[] = []
afterEach(() => Promise.all(open.splice(0).map((viewer) => viewer.close())))

async function start(options: Partial<ViewerOptions> = {}): Promise<string> {
  const viewer = await createViewer({ host: '127.0.0.1', port: 0, clock, ...options })
  open.push(viewer)
  return viewer.url
}

interface Asked {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** With headers that `fetch` does not let through, without following redirects; a stream is left at its first bytes. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method, headers }, (response) => {
      const done = (body: string): void => {
        response.destroy()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      }
      response.once('data', (chunk: Buffer) => done(chunk.toString()))
      response.once('end', () => done(''))
    })
    asking.once('error', reject)
    asking.end()
  })
}

const event = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/t', 'ce-type': 't' }
const token = 'open-sesame'

test('with a token nothing is shown without it, whatever the path', async () => {
  const url = await start({ token })
  const paths = ['/', '/page/main.js', '/events', '/events/1', '/filter', '/topology', '/page/nothing', '/nothing']
  for (const path of paths) expect([path, (await ask(`${url}${path}`)).status]).toEqual([path, 401])
  for (const path of paths) expect((await ask(`${url}${path}?token=wrong`)).status).toBe(401)
  expect((await ask(`${url}/`, { authorization: 'Bearer wrong' })).status).toBe(401)
  expect((await ask(`${url}/healthz`)).status).toBe(200)
})

test('the token opens by header; by the URL once, which gives a cookie that no script reads and that holds no token', async () => {
  const url = await start({ token })
  expect((await ask(`${url}/events`, { authorization: `Bearer ${token}` })).status).toBe(200)
  const entered = await ask(`${url}/?token=${token}&x=1`)
  expect([entered.status, entered.headers['location']]).toEqual([303, './?x=1'])
  const [cookie = ''] = entered.headers['set-cookie'] ?? []
  expect(cookie).toMatch(/; HttpOnly; SameSite=Lax/)
  expect(cookie).not.toContain(token)
  const pair = cookie.split(';', 1)[0] ?? ''
  expect((await ask(`${url}/`, { cookie: `other=1; ${pair}` })).status).toBe(200)
  expect((await ask(`${url}/`, { cookie: `${pair}x` })).status).toBe(401)
})

test('events come in without the token, unless ingest is protected; then a cookie is not enough', async () => {
  expect((await ask(await start({ token }), event, 'POST')).status).toBe(200)
  const url = await start({ token, protectIngest: true })
  const cookie = String((await ask(`${url}/?token=${token}`)).headers['set-cookie']).split(';', 1)[0] ?? ''
  expect((await ask(url, event, 'POST')).status).toBe(401)
  expect((await ask(url, { ...event, cookie }, 'POST')).status).toBe(401)
  expect((await ask(url, { ...event, authorization: `Bearer ${token}` }, 'POST')).status).toBe(200)
  expect((await ask(`${url}/default/x?token=${token}`, event, 'POST')).status).toBe(200)
})

test('a page that bent its own name to this machine is refused', async () => {
  const url = await start()
  for (const host of ['evil.example', 'evil.example:8090', 'localhost.evil.example', '127.0.0.1.evil.example']) {
    expect([host, (await ask(`${url}/events`, { host })).status]).toEqual([host, 403])
    expect((await ask(url, { ...event, host }, 'POST')).status).toBe(403)
  }
  for (const host of ['localhost:1234', '127.0.0.1', '[::1]:99', 'events.localhost']) {
    expect([host, (await ask(`${url}/events`, { host })).status]).toEqual([host, 200])
  }
})

test('pages of others get nothing; a link to the page may stand anywhere', async () => {
  const url = await start()
  expect((await ask(`${url}/events`, { origin: 'https://evil.example' })).status).toBe(403)
  expect((await ask(`${url}/events`, { origin: 'null' })).status).toBe(403)
  expect((await ask(`${url}/events`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(403)
  expect((await ask(`${url}/`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status).toBe(200)
  expect((await ask(`${url}/events`, { origin: url })).status).toBe(200)
})

test('who knows what became of events is asked for who may see them alone; without such a one there is nothing', async () => {
  const asked: string[] = []
  const url = await start({
    token,
    lineage: (_, response, { pathname, searchParams }) => {
      asked.push(`${pathname} ${searchParams.get('id') ?? ''}`)
      response.end('{}')
    },
  })
  const authorization = { authorization: `Bearer ${token}` }
  expect((await fetch(`${url}/lineage?id=1`)).status).toBe(401)
  expect(
    (await fetch(`${url}/lineage?id=1`, { headers: { ...authorization, origin: 'http://evil.test' } })).status,
  ).toBe(403)
  expect(asked).toEqual([])
  const answer = await fetch(`${url}/lineage/standing?id=2`, { headers: authorization })
  expect([answer.status, await answer.text(), answer.headers.get('x-content-type-options')]).toEqual([
    200,
    '{}',
    'nosniff',
  ])
  expect((await fetch(`${url}/lineages`, { headers: authorization })).status).toBe(404)
  expect(asked).toEqual(['/lineage/standing 2'])
  const alone = await start({})
  expect((await fetch(`${alone}/lineage?id=1`)).status).toBe(404)
})
