import { createServer as createHttp1 } from 'node:http'
import { createServer as createTcp, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { closeAll, closers, h2c, lanes, listen, post } from '../../../../test/support/h2c.ts'
import type { Answer } from './send.ts'

afterEach(closeAll)

describe('a server that speaks h2c', () => {
  it('gets requests over HTTP/2 and its answers are read', async () => {
    const { url } = await h2c((stream, path, body) => {
      stream.respond({ ':status': 202, 'ce-id': 'r1', 'x-path': path })
      stream.end(`${path} ${body.toString()}`)
    })
    const answer = await post(lanes().lane(url, 'h2c'), '/a?b=c')
    expect(answer).toMatchObject({ status: 202, headers: { 'ce-id': 'r1', 'x-path': '/a?b=c' } })
    expect((answer as Answer).body.toString()).toBe('/a?b=c hello')
    expect(Object.keys((answer as Answer).headers).some((name) => name.startsWith(':'))).toBe(false)
  })

  it('shares connections among requests, within the streams that it allows', async () => {
    let open = 0
    let most = 0
    const { url, sessions } = await h2c(
      (stream) => {
        most = Math.max(most, (open += 1))
        setTimeout(() => {
          open -= 1
          stream.respond({ ':status': 200 }, { endStream: true })
        }, 20)
      },
      { maxConcurrentStreams: 10 },
    )
    const lane = lanes(30).lane(url, 'h2c')
    const answers = await Promise.all(Array.from({ length: 90 }, () => post(lane)))
    expect(answers.map((answer) => (answer as Answer).status)).toEqual(Array.from({ length: 90 }, () => 200))
    expect(most).toBeGreaterThan(10)
    expect(most).toBeLessThanOrEqual(30)
    expect(sessions.size).toBeLessThanOrEqual(4)
  })

  it('answers 204 without a body, and interim answers are passed over', async () => {
    const { url } = await h2c((stream) => {
      stream.additionalHeaders({ ':status': 103 })
      stream.respond({ ':status': 204 }, { endStream: true })
    })
    expect(await post(lanes().lane(url, 'h2c'))).toMatchObject({ status: 204 })
  })

  it('may go away between two requests', async () => {
    const { url, sessions } = await h2c((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
    const lane = lanes().lane(url, 'h2c')
    expect(await post(lane)).toMatchObject({ status: 200 })
    for (const session of sessions) session.destroy()
    await expect.poll(() => post(lane)).toMatchObject({ status: 200 })
  })

  it('whose only connection breaks is connected to again for those that wait for room', async () => {
    let first = true
    const { url } = await h2c(
      (stream) => {
        if (!first) return stream.respond({ ':status': 200 }, { endStream: true })
        first = false
        setTimeout(() => stream.session?.destroy(), 50)
      },
      { maxConcurrentStreams: 1 },
    )
    const lane = lanes().lane(url, 'h2c')
    const [broken, ...others] = await Promise.all([post(lane), post(lane), post(lane)])
    expect(broken).toBeInstanceOf(Error)
    expect(others).toMatchObject([{ status: 200 }, { status: 200 }])
  })

  it('that says goaway still answers what it has, and the next goes over another connection', async () => {
    const { url, sessions } = await h2c((stream, path) => {
      if (path === '/last') stream.session?.goaway(0)
      setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 20)
    })
    const lane = lanes().lane(url, 'h2c')
    expect(await Promise.all([post(lane, '/first'), post(lane, '/last')])).toMatchObject([
      { status: 200 },
      { status: 200 },
    ])
    await expect.poll(() => post(lane, '/next')).toMatchObject({ status: 200 })
    expect(sessions.size).toBeGreaterThan(1)
  })

  it('that does not answer in time fails, and others on the same connection do not', async () => {
    const { url } = await h2c((stream, path) => {
      if (path !== '/silent') setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 300)
    })
    const lane = lanes().lane(url, 'h2c')
    const [silent, other] = await Promise.all([post(lane, '/silent', undefined, 100), post(lane, '/other')])
    expect(silent).toMatchObject({ message: 'no complete answer within 100 ms' })
    expect(other).toMatchObject({ status: 200 })
  })

  it('ends what is under way before its connections are closed', async () => {
    const { url } = await h2c((stream) =>
      setTimeout(() => stream.respond({ ':status': 200 }, { endStream: true }), 100),
    )
    const lane = lanes().lane(url, 'h2c')
    const answer = post(lane)
    await new Promise((resolve) => setTimeout(resolve, 50))
    lane.close()
    expect(await answer).toMatchObject({ status: 200 })
  })
})

/** An HTTP/2 server by hand: says what no library says. `after` follows the answer's head and four bytes of its body. */
async function byHand(after: (socket: Socket, id: number) => void, { length = '', end = false } = {}) {
  const sockets = new Set<Socket>()
  const server = createTcp((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write(frame(SETTINGS, 0, 0))
    let seen = Buffer.alloc(0)
    let greeted = false
    socket.on('data', (data) => {
      seen = Buffer.concat([seen, data])
      if (!greeted && seen.length < PREFACE) return
      if (!greeted) seen = seen.subarray(PREFACE)
      greeted = true
      while (seen.length >= 9 && seen.length >= 9 + seen.readUIntBE(0, 3)) {
        const size = seen.readUIntBE(0, 3)
        const [type, flags, id] = [seen[3] ?? 0, seen[4] ?? 0, seen.readUInt32BE(5)]
        seen = seen.subarray(9 + size)
        if (type === SETTINGS && (flags & 1) === 0) socket.write(frame(SETTINGS, 1, 0))
        if (type !== DATA || (flags & 1) === 0) continue
        const stated = length === '' ? [] : [Buffer.from([0x0f, 0x0d, length.length]), Buffer.from(length)]
        socket.write(frame(HEADERS, 4, id, Buffer.concat([Buffer.from([0x88]), ...stated])))
        socket.write(frame(DATA, end ? 1 : 0, id, Buffer.from('half')))
        setTimeout(() => after(socket, id), 20)
      }
    })
  })
  const url = await listen(server)
  closers.push(() => sockets.forEach((socket) => socket.destroy()))
  return url
}

const PREFACE = 24
const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4]

function frame(type: number, flags: number, id: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

const reset = (code: number) => (socket: Socket, id: number) => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  socket.write(frame(RST_STREAM, 0, id, payload))
}

describe('an answer that breaks off in the midst of its body is none', () => {
  it.each<[string, (socket: Socket, id: number) => void, object]>([
    ['reset, NO_ERROR', reset(0), {}],
    ['reset, INTERNAL_ERROR', reset(2), {}],
    ['reset, CANCEL', reset(8), {}],
    ['reset, NO_ERROR, of stated length', reset(0), { length: '10' }],
    ['ended below its stated length', reset(0), { length: '10', end: true }],
    ['connection closed', (socket) => socket.end(), {}],
    ['connection reset', (socket) => socket.resetAndDestroy(), {}],
  ])('%s', async (_, after, options) => {
    const url = await byHand(after, options)
    expect(await post(lanes().lane(url, 'h2c'))).toBeInstanceOf(Error)
  })

  it.each<[string, object]>([
    ['whose stream is reset once all was said', { end: true }],
    ['of stated length, reset before the stream ended', { length: '4' }],
  ])('but one %s is whole', async (_, options) => {
    const url = await byHand(reset(0), options)
    expect(await post(lanes().lane(url, 'h2c'))).toMatchObject({ status: 200, body: Buffer.from('half') })
  })
})

describe('a server that does not speak it, though its Service says so', () => {
  it('gets each request once, over HTTP/1.1, and no try is lost', async () => {
    const seen: string[] = []
    const server = createHttp1((request, response) => {
      seen.push(`${request.httpVersion} ${request.url ?? ''}`)
      request.resume()
      response.end('ok')
    })
    const url = await listen(server)
    const lane = lanes().lane(url, 'h2c')
    const answers = await Promise.all(['/1', '/2', '/3'].map((path) => post(lane, path)))
    expect(answers).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }])
    expect(await post(lane, '/4')).toMatchObject({ status: 200 })
    expect(seen.toSorted()).toEqual(['1.1 /1', '1.1 /2', '1.1 /3', '1.1 /4'])
    server.closeAllConnections()
  })

  it('that is not there at all fails like any other', async () => {
    const server = createHttp1()
    const url = await listen(server)
    await closers.pop()?.()
    const answer = await post(lanes().lane(url, 'h2c'))
    expect(answer).toMatchObject({ message: expect.stringMatching(/ECONNREFUSED/) })
  })
})
