import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Delivery } from '../../src/contract/outlet.ts'
import { eventually } from '../support/eventually.ts'
import { embeddedRig, startSubscriber, type Rig, type Runner, type Subscriber } from './dispatcher-rig.ts'

const events = 12
const eventBytes = 2_000
/** What is kept of one answer is 100 KB; whoever kept all of these answers would need hundreds of MB. */
const replyBytes = 100_000
const growthMib = 80
/** For an answer, unless a lie is about that. */
const timeoutMs = 20_000
const megabyte = Buffer.alloc(2 ** 20, 'a')

/** What a subscriber does on its socket once it has read a whole request, or as soon as it is connected. */
interface Lie {
  readonly name: string
  readonly at?: 'connect'
  readonly tell: (socket: Socket) => void
  readonly delivery?: Partial<Delivery>
  /** Where each event ends. `either`: the lie may be taken for the answer to the next event. */
  readonly end: 'delivered' | 'parked' | 'either'
  /** Attributes that parked events carry. */
  readonly told?: Readonly<Record<string, string>>
}

const raw = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const ok = raw('HTTP/1.1 200 OK', 'content-length: 0')
const say =
  (text: string | Buffer) =>
  (socket: Socket): void =>
    void socket.write(text)

/** Writes the same megabyte as often as it is taken. */
function flood(socket: Socket, head: string, megabytes: number): void {
  socket.write(head)
  let left = megabytes
  const more = (): void => {
    while (left-- > 0) if (!socket.write(megabyte)) return void socket.once('drain', more)
    socket.end()
  }
  more()
}

/** As long as somebody listens. */
function every(socket: Socket, ms: number, act: () => void): void {
  const timer = setInterval(act, ms)
  socket.on('close', () => clearInterval(timer))
}

const soon = { timeoutMs: 150 }
const huge = `content-length: ${100 * 2 ** 20}`

const lies: readonly Lie[] = [
  {
    name: 'answers late',
    tell: (socket) => void setTimeout(() => socket.destroyed || socket.write(ok), 400),
    ...{ delivery: soon, end: 'parked', told: { ce_knativeerrorreason: 'no complete answer within 150 ms' } },
  },
  { name: 'answers twice at once', tell: say(ok + raw('HTTP/1.1 400 No', 'content-length: 0')), end: 'delivered' },
  {
    name: 'answers twice, a little later',
    tell: (socket) => {
      socket.write(ok)
      setTimeout(() => socket.destroyed || socket.write(raw('HTTP/1.1 400 No', 'content-length: 0')), 3)
    },
    end: 'either',
  },
  {
    name: 'answers half and closes',
    tell: (socket) => void socket.end(`${raw('HTTP/1.1 200 OK', 'content-length: 100')}half`),
    end: 'parked',
  },
  {
    name: 'answers half and is silent',
    tell: say(`${raw('HTTP/1.1 200 OK', 'content-length: 100')}half`),
    ...{ delivery: soon, end: 'parked' },
  },
  { name: 'never answers', tell: () => {}, delivery: soon, end: 'parked' },
  {
    name: 'never reads',
    at: 'connect',
    tell: (socket) => void socket.pause(),
    ...{ delivery: soon, end: 'parked' },
  },
  {
    name: 'answers 200 with 100 MB',
    tell: (socket) => flood(socket, raw('HTTP/1.1 200 OK', huge), 100),
    end: 'delivered',
  },
  {
    name: 'answers 500 with 100 MB',
    tell: (socket) => flood(socket, raw('HTTP/1.1 500 Oh', huge), 100),
    end: 'parked',
    told: { ce_knativeerrorcode: '500', ce_knativeerrordata: megabyte.subarray(0, 1024).toString('base64') },
  },
  {
    name: 'answers with an event of 100 MB',
    tell: (socket) =>
      flood(socket, raw('HTTP/1.1 200 OK', 'ce-specversion: 1.0', 'ce-id: 1', 'ce-type: t', 'ce-source: /', huge), 100),
    end: 'parked',
    told: { ce_knativeerrorreason: 'its reply is larger than we take' },
  },
  {
    name: 'answers with a broken chunk',
    tell: say(`${raw('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}5\r\nhello\r\nzz\r\n`),
    end: 'parked',
  },
  {
    name: 'answers in chunks that never end',
    tell: (socket) => {
      socket.write(raw('HTTP/1.1 200 OK', 'transfer-encoding: chunked'))
      every(socket, 5, () => socket.write('1\r\na\r\n'))
    },
    ...{ delivery: soon, end: 'parked' },
  },
  { name: 'closes at once', at: 'connect', tell: (socket) => void socket.destroy(), end: 'parked' },
  { name: 'resets once it has the request', tell: (socket) => void socket.resetAndDestroy(), end: 'parked' },
  {
    name: 'closes after half of the headers',
    tell: (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
    end: 'parked',
  },
  {
    name: 'redirects to itself',
    tell: say(raw('HTTP/1.1 302 Found', 'location: /liar', 'content-length: 0')),
    ...{ end: 'parked', told: { ce_knativeerrorcode: '302' } },
  },
  {
    name: 'answers 101',
    tell: say(raw('HTTP/1.1 101 Switching Protocols', 'connection: upgrade', 'upgrade: mud')),
    ...{
      end: 'parked',
      told: { ce_knativeerrorreason: 'it answered 101 Switching Protocols, for which nobody asked' },
    },
  },
  {
    name: 'answers 999',
    tell: say(raw('HTTP/1.1 999 Who knows', 'content-length: 0')),
    ...{ end: 'parked', told: { ce_knativeerrorcode: '999' } },
  },
  { name: 'answers 000', tell: say(raw('HTTP/1.1 000 Nothing', 'content-length: 0')), delivery: soon, end: 'parked' },
  {
    name: 'answers 204 with a body',
    tell: say(`${raw('HTTP/1.1 204 None', 'content-length: 4')}body`),
    end: 'delivered',
  },
  {
    name: 'answers 100, for which nobody asked',
    tell: say(raw('HTTP/1.1 100 Continue') + ok),
    ...{ end: 'parked', told: { ce_knativeerrorreason: 'it answered 100 Continue, for which nobody asked' } },
  },
  {
    name: 'answers 102 for ever',
    tell: (socket) => every(socket, 1, () => socket.write(raw('HTTP/1.1 102 Processing').repeat(20))),
    end: 'parked',
    told: { ce_knativeerrorreason: 'more than 100 interim answers' },
  },
  {
    name: 'sends headers for ever',
    tell: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      every(socket, 1, () => socket.write(`x-more: ${'a'.repeat(4000)}\r\n`))
    },
    end: 'parked',
  },
  {
    name: 'sends one header of 100 MB',
    tell: (socket) => flood(socket, 'HTTP/1.1 200 OK\r\nx-large: ', 100),
    end: 'parked',
  },
  {
    name: 'lets a body trickle for ever',
    tell: (socket) => {
      socket.write(raw('HTTP/1.1 200 OK', 'content-length: 1000000'))
      every(socket, 10, () => socket.write('a'))
    },
    ...{ delivery: soon, end: 'parked' },
  },
  {
    name: 'states two lengths',
    tell: say(`${raw('HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 9')}hello`),
    end: 'parked',
  },
  {
    name: 'speaks HTTP/2 alone, without TLS',
    // an empty SETTINGS frame
    tell: say(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])),
    end: 'parked',
    told: { ce_knativeerrorreason: 'it does not speak HTTP/1.1 (HTTP/2 alone, without TLS, looks like that)' },
  },
  { name: 'speaks another protocol', at: 'connect', tell: say('SSH-2.0-OpenSSH_9.9\r\n'), end: 'parked' },
]

let rig: Rig
let runner: Runner
let honest: Subscriber
let liar: { readonly url: string; lie: Lie; readonly server: Server; readonly sockets: Set<Socket> }

beforeAll(async () => {
  rig = await embeddedRig()
  honest = await startSubscriber()
  liar = await startLiar()
  runner = rig.run([rig.outlet(honest.url, { uid: 'honest' })], { replyBytes })
  await rig.consuming(runner, 'honest')
  // warm up: what the process needs anyway shall not count
  await rig.send(events)
  await eventually('all came', () => honest.got.length === events)
})

afterAll(async () => {
  await rig[Symbol.asyncDispose]()
  await honest[Symbol.asyncDispose]()
  for (const socket of liar.sockets) socket.destroy()
  await new Promise((resolve) => liar.server.close(resolve))
})

for (const lie of lies)
  test(`a subscriber that ${lie.name}: no event is lost, memory stays, others notice nothing`, async () => {
    liar.lie = lie
    const uid = `liar${lies.indexOf(lie)}`
    const delivery = {
      retry: 1,
      backoffPolicy: 'linear',
      backoffDelayMs: 2,
      timeoutMs,
      ...lie.delivery,
    } as const
    const parking = { topic: `parked-${uid}`, partitions: 1, replicationFactor: 1 }
    runner.routes.outlets.set(rig.outlet(liar.url, { uid, delivery, parking, start: 'latest' }))
    await rig.consuming(runner, uid)
    try {
      await hearOut(lie, uid, parking.topic)
    } finally {
      runner.routes.outlets.delete(uid)
    }
    await eventually('nothing is held', () => runner.dispatcher.snapshot().outlets.every((one) => one.uid !== uid))
    await eventually('its connections are closed', () => {
      // who does not read does not see that the other side has closed, nor does one that comes only now
      for (const socket of liar.sockets) socket.resume()
      return liar.sockets.size === 0
    })
  })

async function hearOut(lie: Lie, uid: string, parkingTopic: string): Promise<void> {
  const before = [honest.got.length, process.memoryUsage.rss()] as const
  const memory = watchMemory()
  const begun = performance.now()
  await rig.send(events, { from: 1000, data: Buffer.alloc(eventBytes) })
  await eventually('the honest one has all', () => honest.got.length === before[0] + events)
  // half of what the other one is given for a single answer
  expect(performance.now() - begun).toBeLessThan(timeoutMs / 2)
  const end = await eventually('all events have found their end', () => {
    const one = runner.dispatcher.snapshot().outlets.find((outlet) => outlet.uid === uid)
    return one !== undefined && one.delivered + one.parked >= events && one.partitions[0]?.inFlight === 0 ? one : null
  })
  expect((memory.peak() - before[1]) / 2 ** 20).toBeLessThan(growthMib)
  expect(end.delivered + end.parked).toBe(events)
  if (lie.end !== 'either') expect(end[lie.end]).toBe(events)
  expect(end.partitions[0]?.position).toBe(end.partitions[0]?.end)
  await expectParked(parkingTopic, end.parked, lie.told ?? {})
}

async function expectParked(topic: string, count: number, told: Lie['told'] & object): Promise<void> {
  if (count === 0) return
  const parked = (await rig.records(topic)).map(({ headers }) =>
    Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
  )
  expect(new Set(parked.map(({ ce_id: id }) => id)).size).toBe(count)
  for (const headers of parked) expect(headers).toMatchObject(told)
}

/** The most memory that was seen since. */
function watchMemory(): { peak(): number } {
  let most = 0
  const look = (): number => (most = Math.max(most, process.memoryUsage.rss()))
  const timer = setInterval(look, 5)
  return {
    peak: () => {
      clearInterval(timer)
      return look()
    },
  }
}

/** Speaks TCP, and HTTP only as far as the lie goes. */
async function startLiar(): Promise<typeof liar> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const { lie } = self
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    if (lie.at === 'connect') return lie.tell(socket)
    let left = -1
    let head = ''
    socket.on('data', (chunk) => {
      for (let rest = chunk; rest.length > 0;) {
        if (left < 0) {
          head += rest.toString('latin1')
          const at = head.indexOf('\r\n\r\n')
          if (at < 0) return
          left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
          rest = Buffer.from(head.slice(at + 4), 'latin1')
          head = ''
        }
        const taken = Math.min(left, rest.length)
        left -= taken
        rest = rest.subarray(taken)
        if (left > 0) return
        left = -1
        lie.tell(socket)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const self = { url, lie: lies[0] as Lie, server, sockets }
  return self
}
