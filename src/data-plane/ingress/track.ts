import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const latest = Symbol('latest response')
interface Tracked {
  [latest]?: ServerResponse
}

/** Remembers on the connection the response to its newest request (a property: cheaper than a map on every request). */
export function track(socket: Socket, res: ServerResponse): void {
  ;(socket as Tracked)[latest] = res
}

/** The response to the newest request on this connection, if one was tracked. */
export function latestResponse(socket: Socket): ServerResponse | undefined {
  return (socket as Tracked)[latest]
}
