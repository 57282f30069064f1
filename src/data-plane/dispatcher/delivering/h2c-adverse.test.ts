import { createServer as createHttp1 } from 'node:http'
import { constants, createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { closeAll, closers, h2c, lanes, listen, post } from '../../../../test/support/h2c.ts'

afterEach(closeAll)

/** HTTP/2 under load, and while servers come and go. */

const ok = { status: 200 }
const sixty = <T>(one: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: 60 }, one))

/** What stands before an h2c server: says of each connection, by its number, whether it goes on to it. */
async function before(url: string, passes: (no: number, client: Socket) => boolean | Promise<boolean>) {
  let count = 0
  const sockets = new Set<Socket>()
  const front = createTcp((client) => {
    sockets.add(client.on('error', () => undefined))
    void Promise.resolve(passes(count++, client)).then((pass) => {
      if (!pass) return
      const server = connect(Number(new URL(url).port), '127.0.0.1')
      sockets.add(server.on('error', () => client.destroy()))
      server.on('close', () => client.destroy())
      client.on('close', () => server.destroy())
      client.pipe(server).pipe(client)
    })
  })
  const address = await listen(front)
  closers.push(() => sockets.forEach((socket) => socket.destroy()))
  return address
}

it('many large events at once all get their answers, also from a server that is slow to read them', async () => {
  const { url } = await h2c((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  const lane = lanes().lane(url, 'h2c')
  const large = Buffer.alloc(1 << 20)
  expect(await sixty(() => post(lane, '/', large))).toEqual(
    Array.from({ length: 60 }, () => expect.objectContaining(ok)),
  )
})

it('an answer that is complete before the event was read counts, and the rest of the event is not sent', async () => {
  const server = createHttp2()
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.respond({ ':status': 200 })
    stream.end('enough')
  })
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session))
  const url = await listen(server)
  closers.push(() => sessions.forEach((session) => session.destroy()))
  const lane = lanes().lane(url, 'h2c')
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(lane, '/', Buffer.alloc(1 << 20))))
  for (const answer of answers) expect(answer).toMatchObject({ ...ok, body: Buffer.from('enough') })
})

it('an event whose attributes HTTP/2 cannot take fails and says so, and no other one does', async () => {
  const { url } = await h2c((stream) => setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 50))
  const lane = lanes().lane(url, 'h2c')
  const attributes = ['ce-large', '%E2%82%AC'.repeat(10_000)]
  const [other, large] = await Promise.all([post(lane), post(lane, '/', undefined, 10_000, attributes)])
  expect(other).toMatchObject(ok)
  expect(large).toMatchObject({ message: expect.stringContaining('attributes of the event are too large') as string })
})

it('a server that resets connections while it starts is spoken to over HTTP/2 as soon as it is there', async () => {
  const { url } = await h2c((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  const address = await before(url, (no, client) => {
    if (no < 4) setTimeout(() => client.resetAndDestroy(), 20)
    return no >= 4
  })
  const lane = lanes().lane(address, 'h2c')
  await expect.poll(() => post(lane)).toMatchObject(ok)
})

it('a server that is restarted stays one that speaks HTTP/2, whatever its connections met meanwhile', async () => {
  const { url, sessions } = await h2c((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  let down = false
  const address = await before(url, (_, client) => {
    if (down) setTimeout(() => client.resetAndDestroy(), 20)
    return !down
  })
  const lane = lanes().lane(address, 'h2c')
  expect(await post(lane)).toMatchObject(ok)
  down = true
  for (const session of sessions) session.destroy()
  await expect
    .poll(() => post(lane))
    .toMatchObject({ message: expect.stringMatching(/ECONNRESET|other side closed/) as string })
  down = false
  expect(await post(lane)).toMatchObject(ok)
})

it('a connection more than the server takes does no harm: those that wait go over those that are there', async () => {
  const { url } = await h2c((stream) => setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 20), {
    maxConcurrentStreams: 2,
  })
  const address = await before(url, (no, client) => {
    if (no > 0) setTimeout(() => client.resetAndDestroy(), 20)
    return no === 0
  })
  const lane = lanes().lane(address, 'h2c')
  for (const answer of await Promise.all(Array.from({ length: 20 }, () => post(lane)))) expect(answer).toMatchObject(ok)
})

it.each<[string, (stream: ServerHttp2Stream) => void, object]>([
  ['breaks', (stream) => stream.session?.destroy(), { message: expect.any(String) as string }],
  [
    'goes away with its answer',
    (stream) => {
      stream.respond({ ':status': 200 }, { endStream: true })
      stream.session?.goaway(0)
    },
    ok,
  ],
])('those that wait for room on a connection that %s go over the next one', async (_, end, expected) => {
  const { url } = await h2c(
    (stream, path) => {
      if (path === '/last') end(stream)
      else stream.respond({ ':status': 200 }, { endStream: true })
    },
    { maxConcurrentStreams: 1 },
  )
  const broken = Promise.withResolvers<void>()
  const address = await before(url, async (no) => {
    // the second one is not there yet when the first one breaks
    if (no === 1) await broken.promise
    return true
  })
  const lane = lanes().lane(address, 'h2c')
  const first = post(lane, '/last').finally(broken.resolve)
  const others = Promise.all([post(lane), post(lane), post(lane)])
  expect(await first).toMatchObject(expected)
  expect(await others).toMatchObject([ok, ok, ok])
})

it('a server that speaks HTTP/1.1 since it was made anew gets HTTP/1.1, and no try is lost', async () => {
  const { url, sessions } = await h2c((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  const http1 = createHttp1((request, response) => {
    request.resume()
    response.end(request.httpVersion)
  })
  const other = await listen(http1)
  closers.push(() => http1.closeAllConnections())
  let target = url
  const address = await before('http://none', (_, client) => {
    const server = connect(Number(new URL(target).port), '127.0.0.1').on('error', () => client.destroy())
    server.on('close', () => client.end())
    client.on('close', () => server.destroy())
    client.pipe(server).pipe(client)
    return false
  })
  const lane = lanes().lane(address, 'h2c')
  expect(await post(lane)).toMatchObject(ok)
  target = other
  for (const session of sessions) session.destroy()
  await expect.poll(() => post(lane)).toMatchObject({ ...ok, body: Buffer.from('1.1') })
})

it('a server that refuses all requests is not asked for ever', async () => {
  let asked = 0
  const { url } = await h2c((stream) => {
    asked++
    stream.close(constants.NGHTTP2_REFUSED_STREAM)
  })
  expect(await post(lanes().lane(url, 'h2c'))).toMatchObject({ message: expect.stringContaining('refused') as string })
  expect(asked).toBeLessThan(10)
})
