import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A delivery as a subscriber saw it. */
export interface Delivery {
  readonly id: string
  readonly partition: number
  readonly offset: number
  /** Monotonic milliseconds of arrival. */
  readonly at: number
}

/** A real HTTP subscriber that remembers what came. */
export interface Recorder extends AsyncDisposable {
  readonly url: string
  /** In order of arrival. */
  readonly deliveries: readonly Delivery[]
  /** How often each id came. */
  readonly counts: ReadonlyMap<string, number>
  /** Deliveries beyond the first of an id. */
  readonly duplicates: number
}

/** What it answers with: by default 200 without a body. */
export type Answer = (
  request: IncomingMessage,
  id: string,
) => { status: number; headers?: Record<string, string>; body?: string }

const ok: Answer = () => ({ status: 200 })

export async function startRecorder(answer: Answer = ok): Promise<Recorder> {
  const deliveries: Delivery[] = []
  const counts = new Map<string, number>()
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const { headers } = request
      const id = String(headers['ce-id'])
      const [partition, offset] = [
        Number(headers['ce-knativekafkapartition']),
        Number(headers['ce-knativekafkaoffset']),
      ]
      deliveries.push({ id, partition, offset, at: performance.now() })
      counts.set(id, (counts.get(id) ?? 0) + 1)
      const { status, headers: answered = {}, body = '' } = answer(request, id)
      response.writeHead(status, { ...answered, 'content-length': Buffer.byteLength(body) }).end(body)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    deliveries,
    counts,
    get duplicates() {
      return deliveries.length - counts.size
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
