import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'

export const unkept = { 'cache-control': 'no-store' } as const
const typed = { ...unkept, 'content-type': 'application/json; charset=utf-8' } as const
/** So much is made ready at a time, characters: within a millisecond. */
const sliceChars = 64 * 1024

export function json(response: ServerResponse, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(200, { ...typed, 'content-length': bytes.length }).end(bytes)
}

/**
 * `head`, and in it a list, of which nobody knows how long it is: made ready slice by slice, as fast as it is read, while others run in between.
 * @throws the signal's reason.
 */
export async function jsonWithList(
  response: ServerResponse,
  head: object,
  [name, list]: readonly [name: string, list: readonly object[]],
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, typed)
  let slice = `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(name)}:[`
  for (const [index, one] of list.entries()) {
    slice += (index === 0 ? '' : ',') + JSON.stringify(one)
    if (slice.length < sliceChars) continue
    if (response.write(slice)) await turn()
    else await once(response, 'drain', { signal })
    signal.throwIfAborted()
    slice = ''
  }
  response.end(`${slice}]}`)
}

export function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...unkept, 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
