import { connect, type Socket } from 'node:net'
import { monotonicMs, requestTemplate, stamp } from './event.ts'
import { Latencies } from './latency.ts'

/** What a load run saw. */
export interface LoadResult {
  readonly accepted: number
  readonly refused: number
  readonly seconds: number
  /** From the time when each event was due to its answer. */
  readonly latencies: Latencies
}

export interface Load {
  readonly url: string
  readonly callers: number
  readonly events: number
  /** Events per second in an open loop; absent: each caller sends its next event when the last is answered. */
  readonly rate?: number
  readonly extra?: Readonly<Record<string, string>>
}

/** Fewer than the queue of a listening socket holds (511 for node:http): beyond it the system drops connections and tries again a second later. */
const connectingAtOnce = 100
const endOfHead = Buffer.from('\r\n\r\n')

/** Sends events over raw sockets: much cheaper than any HTTP client, so that the machine is left to what is measured. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const url = new URL(load.url)
  const sockets = await connections(url, load.callers)
  const latencies = new Latencies()
  let [started, answered, accepted] = [0, 0, 0]
  const begin = monotonicMs()
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  // Open loop: events become due by the clock and wait in line for a free caller; the wait counts.
  const idle: ((due: number) => void)[] = []
  const waiting: number[] = []
  const next = (send: (due: number) => void) => {
    if (load.rate === undefined) {
      if (started < load.events) {
        started += 1
        send(monotonicMs())
      }
      return
    }
    const due = waiting.shift()
    if (due === undefined) idle.push(send)
    else send(due)
  }
  for (const socket of sockets) caller(socket)
  const pacer = load.rate === undefined ? undefined : setInterval(() => pace(load.rate ?? 1), 1)
  await done
  clearInterval(pacer)
  for (const socket of sockets) socket.destroy()
  return { accepted, refused: answered - accepted, seconds: (monotonicMs() - begin) / 1000, latencies }

  function pace(rate: number): void {
    const dueNow = Math.min(load.events, Math.floor(((monotonicMs() - begin) / 1000) * rate) + 1)
    for (; started < dueNow; started += 1) {
      const due = begin + (started / rate) * 1000
      // In turns: a connection that is never used would be closed by its server.
      const send = idle.shift()
      if (send === undefined) waiting.push(due)
      else send(due)
    }
  }

  function caller(socket: Socket): void {
    const { bytes, idAt } = requestTemplate(url, load.extra)
    let due = 0
    let rest = Buffer.alloc(0)
    const send = (at: number) => {
      due = at
      bytes.write(stamp(at), idAt, 'latin1')
      // The template is written again only after its answer: no copy is needed.
      socket.write(bytes)
    }
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      // A 202 has no body; a refusal is told apart by its status and ends the run's usefulness anyway.
      if (rest.indexOf(endOfHead) < 0) return
      if (rest.subarray(9, 12).toString('latin1') === '202') accepted += 1
      rest = Buffer.alloc(0)
      latencies.add(monotonicMs() - due)
      answered += 1
      if (answered === load.events) resolve()
      else next(send)
    })
    socket.on('error', reject)
    socket.on('close', () => answered < load.events && reject(new Error('the server closed a connection under load')))
    next(send)
  }
}

async function connections(url: URL, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Math.min(connectingAtOnce, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => connected(url)))))
  }
  return sockets
}

function connected(url: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname, () => resolve(socket))
    socket.setNoDelay(true)
    socket.once('error', reject)
  })
}
