import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startChild, type Child } from '../support/child.ts'
import { cli } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { eventually } from '../support/eventually.ts'
import { millrace, ownFolder } from '../support/millrace.ts'
import { startRecorder, type Recorder } from '../support/recorder.ts'

const manifests = `apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: orders}
spec:
  broker: default
  filters: [{prefix: {type: order.}}]
  subscriber: {ref: {apiVersion: v1, kind: Service, name: orders}}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: all}
spec:
  broker: default
  subscriber: {ref: {apiVersion: v1, kind: Service, name: recorder}}
`
const folder = ownFolder()
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

let recorder: Recorder
let dev: Child
let ingress: string
let display: string

beforeAll(async () => {
  recorder = await startRecorder()
  const app = file('app.yaml', manifests)
  const flags = ['--port', '0', '--display-port', '0', '--data', join(folder, 'data'), '-f', app]
  dev = millrace('dev', ...flags, '--service', `recorder=${recorder.url}`)
  ingress = /http:\S+:\d+/.exec(await dev.line('  ingress'))?.[0] ?? ''
  display = /http:\S+:\d+/.exec(await dev.line('  display'))?.[0] ?? ''
  await Promise.all([dev.line('Trigger default/orders Ready'), dev.line('Trigger default/all Ready')])
})
afterAll(async () => {
  await dev?.stop()
  await recorder?.[Symbol.asyncDispose]()
})

const send = (...args: readonly string[]) => cliInside(['send', '--dev', ingress, ...args])
const event = (id: string, more: object = {}) =>
  JSON.stringify({ specversion: '1.0', id, source: '/file', type: 'order.created', ...more })

describe('millrace send, to millrace dev', () => {
  test('an event from flags arrives as it was said', async () => {
    const flags = [
      '--type',
      'bill.paid',
      '--id',
      'f1',
      '--subject',
      'bill 7',
      '-x',
      'partitionkey=ä b',
      '-d',
      '{"n":1.0}',
    ]
    expect(await cli(['send', '--dev', ingress, 'broker/default', ...flags])).toEqual({
      status: 0,
      stdout: '202 Accepted  event f1 to Broker default/default of millrace dev\n',
      stderr: '',
    })
    await eventually('it is delivered', () => recorder.counts.get('f1') === 1)
  })

  test('the same in structured mode, from a file, from standard input, in batches', async () => {
    const lines = Array.from({ length: 3 }, (_, i) => event(`l${i}`)).join('\n')
    const many = Array.from({ length: 1_200 }, (_, i) => event(`b${i}`)).join('\n')
    const sent = await Promise.all([
      send('default', '--type', 'a', '--id', 's1', '--structured', '-d', 'text'),
      send('default', '--event', file('event.json', event('e1', { data: { a: 1 } }))),
      cli(['send', '--dev', ingress, 'default', '--event', '-'], { input: lines }),
      send('default', '--batch', file('events.jsonl', many), '-o', 'json'),
    ])
    expect(sent.map(({ status, stderr }) => ({ status, stderr }))).toEqual(sent.map(() => ({ status: 0, stderr: '' })))
    expect(sent[2].stdout).toMatch(/^3 events accepted, 0 requests not, in \d/)
    const batches = sent[3].stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(batches.map(({ ids, accepted, status }) => [ids.length, accepted, status])).toEqual([
      [500, true, 202],
      [500, true, 202],
      [200, true, 202],
    ])
    const ids = ['s1', 'e1', 'l0', 'l1', 'l2', 'b0', 'b1199']
    await eventually('all are delivered', () => ids.every((id) => recorder.counts.get(id) === 1))
  })

  test('many, each with an id of its own, no faster than asked', async () => {
    const begun = performance.now()
    const rate = ['--count', '20', '--rate', '40', '--concurrency', '4']
    const { status, stdout } = await send('default', '--type', 'many', '--id', 'm', ...rate)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^20 events accepted, 0 requests not, in \d+\.\d s, \d+ requests\/s: Broker/)
    expect(performance.now() - begun).toBeGreaterThan(19 * 25)
    await eventually('all are delivered', () => recorder.counts.has('m-1') && recorder.counts.has('m-20'))
  })

  test('says what is refused, and where nobody is', async () => {
    const [unknown, nobody, invalid] = await Promise.all([
      send('nix', '--type', 'a'),
      cliInside(['send', '--url', 'http://127.0.0.1:1/a/b', '--type', 'a']),
      cliInside(['send', '--url', `${ingress}/default/nix`, '--type', 'a', '--id', '1']),
    ])
    expect(unknown.status).toBe(1)
    expect(unknown.stderr).toMatch(
      /^error: The millrace dev at .* has no Broker default\/nix: apply it there\nNor was it found in a cluster: \S/,
    )
    expect(nobody).toMatchObject({ status: 1, stderr: expect.stringContaining('nobody listens at 127.0.0.1:1') })
    expect(invalid).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^404 Not Found {2}event 1 to .*\n\S.*\n$/),
    })
  })

  test('tries again as Retry-After says, and shows a reply', async () => {
    const asked: number[] = []
    const server = createServer((req, res) => {
      asked.push(performance.now())
      req.resume()
      if (asked.length === 1) res.writeHead(503, { 'retry-after': '1' }).end()
      else if (asked.length === 2) res.socket?.destroy()
      else res.writeHead(200, { 'ce-type': 'reply.made' }).end('{"yes":\u001b[31mtrue}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    expect(await cliInside(['send', '--url', url, '--type', 'a', '--id', '1', '--retry', '3'])).toEqual({
      status: 0,
      stderr: '',
      stdout: `200 OK  event 1 to ${url} after 3 attempts\nreply: event of type reply.made\n{"yes":\\u001b[31mtrue}\n`,
    })
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThan(990)
    server.closeAllConnections()
    server.close()
  })
})

test('send shows nothing of an answer that would act on a terminal', async () => {
  const answer = 'HTTP/1.1 400 no\u001b]0;evil\u0007\r\nContent-Length: 5\r\nConnection: close\r\n\r\na\u009bb\u0007'
  const server = createTcpServer((socket) => void socket.on('error', () => undefined).end(answer)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const args = ['send', '--url', url, '--type', 'a', '--id', '1']
  const [text, json] = await Promise.all([cliInside(args), cliInside([...args, '-o', 'json'])])
  expect(text.stderr).toBe(`400 no\\u001b]0;evil\\u0007  event 1 to ${url}\na\\u009bb\\u0007\n`)
  expect(json.stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  expect(JSON.parse(json.stdout)).toMatchObject({ accepted: false, status: 400, body: 'a\u009bb\u0007' })
  server.close()
})

describe('millrace tail, of a display that is not at its best', () => {
  const block = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
  const seen = (number: number, more: object = {}) => {
    const attributes = { specversion: '1.0', id: `e${number}`, source: '/s', type: 't', ...more }
    return `data: ${JSON.stringify({ number, receivedAt: Date.now() + 60_000, to: '/a', attributes, data: null, form: 'text', bytes: 0 })}\n\n`
  }

  test('after a break in the midst nothing is there twice, also when it begins anew; what it let go is said', async () => {
    const streams = [
      block('hello', { run: 'a' }) + seen(1) + seen(2),
      `${block('hello', { run: 'a' }) + block('missed', { count: 5 }) + seen(1) + seen(2) + seen(8)}id: a-8\n\n`,
      block('hello', { run: 'b' }) + seen(1, { 'n\u009b\u001b[31m': 'x' }),
    ]
    const asked: (string | undefined)[] = []
    const server = createServer(({ headers }, response) => {
      asked.push(headers['last-event-id']?.toString())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(streams[asked.length - 1] ?? '', () => setTimeout(() => response.destroy(), 50))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { status, stdout, stderr } = await cliInside(['tail', '--display', url, '--max', '4'])
    expect(status).toBe(0)
    expect([...stdout.matchAll(/ (e\d) /g)].map(([, id]) => id)).toEqual(['e1', 'e2', 'e8', 'e1'])
    expect(asked).toEqual(['', '', 'a-8'])
    expect(stderr).toContain('5 events were let go by the display')
    expect(stdout).toContain('n\\u009b\\u001b[31m=x')
    server.closeAllConnections()
    server.close()
  })

  test('what it says of itself does not act on a terminal', async () => {
    const server = createServer((_, response) => response.writeHead(500).end('\u001b]0;evil\u0007')).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const { status, stderr } = await cliInside([
      'tail',
      '--display',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ])
    expect(status).toBe(1)
    expect(stderr).toContain('answers 500: \\u001b]0;evil\\u0007')
    server.close()
  })
})

describe('millrace tail, of millrace dev', () => {
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
  const tail = (...args: string[]) => startChild(main, ['tail', '--display', display, ...args])

  test('shows what passes its filters as it comes, until --max', async () => {
    await using shown = tail(
      '--filter',
      'type=order.shown',
      '--prefix',
      'source=/sh',
      '--cesql',
      'LENGTH(id) = 2',
      '--max',
      '2',
      '-o',
      'json',
    )
    const one = (type: string, id: string) => {
      const attributes = { 'ce-specversion': '1.0', 'ce-source': '/shop', 'ce-id': id, 'ce-type': type }
      const headers = { ...attributes, 'content-type': 'application/json' }
      return fetch(`${ingress}/default/default`, { method: 'POST', headers, body: '{"n":1.0}' })
    }
    // What comes before it follows is not its business, so it is sent until it does.
    let n = 0
    await eventually('two have passed', async () => {
      await Promise.all([one('order.other', '99'), one('order.shown', String(10 + (n++ % 90)))])
      return shown.lines.length >= 2
    })
    expect(await shown.exited).toBe(0)
    const events = shown.lines.map((line) => JSON.parse(line))
    expect(events).toHaveLength(2)
    expect(events[0]).toMatchObject({
      to: '/default/orders',
      attributes: { type: 'order.shown', source: '/shop', datacontenttype: 'application/json' },
      data: '{"n":1.0}',
    })
  })

  test('also earlier ones, for people, with nothing in them that acts on a terminal', async () => {
    await send('default', '--type', 'order.hostile', '--id', 'h1', '-d', 'a\u001b]52;c;evil\u0007b')
    const { status, stdout } = await cliInside([
      'tail',
      '--display',
      display,
      '--filter',
      'type=order.hostile',
      '--since',
      '5m',
      '--max',
      '1',
    ])
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}order\.hostile {2}\/millrace\/send {2}h1 {2}→ \/default\/orders\n/,
    )
    expect(stdout).toContain('\n  a\\u001b]52;c;evil\\u0007b\n')
  })

  test('of a Trigger: deliveries to its subscriber, and it says what the display cannot see', async () => {
    await send('default', '--type', 'order.mine', '--id', 't1')
    const [mine, elsewhere, unknown] = await Promise.all([
      cliInside([
        'tail',
        'trigger/orders',
        '--display',
        display,
        '--since',
        '5m',
        '--filter',
        'type=order.mine',
        '--max',
        '1',
        '-o',
        'json',
      ]),
      cliInside(['tail', 'trigger/all', '--display', display, '--for', '1s']),
      cliInside(['tail', 'trigger/nix', '--display', display]),
    ])
    expect(mine.status).toBe(0)
    expect(JSON.parse(mine.stdout)).toMatchObject({ to: '/default/orders', attributes: { id: 't1' } })
    expect(elsewhere).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining(`Not seen by the display: what Trigger default/all delivers to ${recorder.url}`),
    })
    expect(unknown).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('millrace dev has no Trigger default/nix; it has Broker default/default'),
    })
  })

  test('says how to listen when there is nothing to listen to', async () => {
    expect(await cliInside(['tail', '--display', 'http://127.0.0.1:1'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nothing to listen to at http://127.0.0.1:1: start millrace dev'),
    })
  })
})
