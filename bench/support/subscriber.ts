import { createServer, type AddressInfo, type Socket } from 'node:net'
import { monotonicMs, stamped } from './event.ts'
import { Latencies } from './latency.ts'

/** A subscriber over raw sockets that answers 200 at once: much cheaper than any HTTP server. */
export interface Subscriber extends AsyncDisposable {
  readonly url: string
  readonly count: number
  /** From the time that the event's id tells to its arrival. */
  latencies: Latencies
  /** Monotonic milliseconds of each arrival; empty it when they are looked at. */
  readonly arrivals: number[]
  /** Resolves in the very turn in which the n-th event (from 1) arrives. */
  reached(n: number, then?: () => void): Promise<void>
}

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
const lengthHeader = /\r\ncontent-length: (\d+)/i
const idHeader = /\r\nce-id: (\S+)/i

export async function startSubscriber(): Promise<Subscriber> {
  const waiters: { n: number; reached: () => void }[] = []
  const sockets = new Set<Socket>()
  const state = { count: 0, latencies: new Latencies() }
  const arrivals: number[] = []
  const arrived = (id: string) => {
    arrivals.push(monotonicMs())
    state.latencies.add(monotonicMs() - stamped(id))
    state.count += 1
    for (let i = waiters.length - 1; i >= 0; i--)
      if ((waiters[i]?.n ?? 0) <= state.count) waiters.splice(i, 1)[0]?.reached()
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    let rest = ''
    let skip = 0
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      rest += chunk
      let answers = 0
      for (;;) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) break
        const head = rest.slice(0, end)
        skip = end + 4 + Number(lengthHeader.exec(head)?.[1] ?? 0)
        if (rest.length < skip) break
        rest = rest.slice(skip)
        answers += 1
        arrived(idHeader.exec(head)?.[1] ?? '')
      }
      if (answers > 0) socket.write(answer.repeat(answers))
    })
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get count() {
      return state.count
    },
    arrivals,
    get latencies() {
      return state.latencies
    },
    set latencies(value) {
      state.latencies = value
    },
    reached: (n, then) =>
      new Promise((resolve) => {
        const reached = () => {
          then?.()
          resolve()
        }
        if (state.count >= n) reached()
        else waiters.push({ n, reached })
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
