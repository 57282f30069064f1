import { createServer, type AddressInfo, type Socket } from 'node:net'

/** What a broker says about the kinds of requests that it knows. */
export type Offer = readonly { readonly key: number; readonly min: number; readonly max: number }[]

/** Ports where something listens that says which requests it knows, and no more: a Kafka of another age. */
export class OldBrokers implements AsyncDisposable {
  readonly #closing: (() => void)[] = []

  /** @param offer null: it does not even know the version of the question, as before Kafka 2.4. @returns its `host` and `port`. */
  async listen(offer: Offer | null): Promise<{ host: string; port: number }> {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      // A question this small comes in one piece: size, key, version, correlation id.
      socket.on('data', (question) => socket.write(answer(question.readInt32BE(8), offer)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#closing.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.splice(0)) close()
    return Promise.resolve()
  }
}

const UNSUPPORTED_VERSION = 35

/** ApiVersions response: version 3, or version 0 with an error. */
function answer(correlationId: number, offer: Offer | null): Buffer {
  const body = offer === null ? legacy() : flexible(offer)
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 4)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

function legacy(): Buffer {
  const body = Buffer.alloc(6)
  body.writeInt16BE(UNSUPPORTED_VERSION)
  return body
}

function flexible(offer: Offer): Buffer {
  const apis = offer.map(({ key, min, max }) => {
    const api = Buffer.alloc(7)
    for (const [i, value] of [key, min, max].entries()) api.writeInt16BE(value, i * 2)
    return api
  })
  return Buffer.concat([Buffer.from([0, 0, offer.length + 1]), ...apis, Buffer.alloc(5)])
}
