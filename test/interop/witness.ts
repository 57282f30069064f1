import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** An event as it is: attributes as text, data as bytes. */
export interface Event {
  readonly attributes: Readonly<Record<string, string>>
  readonly data: Buffer | null
}

/** A subscriber without any SDK, so that what an SDK does to an event cannot be mistaken for what the data plane does. */
export interface Witness extends AsyncDisposable {
  readonly url: string
  /** Every event that came, by id. */
  readonly events: ReadonlyMap<string, readonly Event[]>
}

export async function startWitness(): Promise<Witness> {
  const events = new Map<string, Event[]>()
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const attributes = attributesOf(request)
      const id = attributes['id'] ?? ''
      events.set(id, [...(events.get(id) ?? []), { attributes, data: body.length === 0 ? null : body }])
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    events,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function attributesOf({ headers }: IncomingMessage): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-')) attributes[name.slice('ce-'.length)] = decodeURIComponent(String(value))
  }
  if (headers['content-type'] !== undefined) attributes['datacontenttype'] = headers['content-type']
  return attributes
}

/** A value in a header (HTTP binding 1.0.2 §3.1.3.2): space, `"`, `%` and all that is not printable ASCII as %XX of its UTF-8. */
export function percentEncoded(value: string): string {
  return value.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (letter) =>
    Array.from(Buffer.from(letter), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
