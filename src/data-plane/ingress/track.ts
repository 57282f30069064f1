import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Problem } from './problem.ts'

const latest = Symbol('latest response')
const broken = Symbol('broken')
interface Tracked {
  [latest]?: ServerResponse
  [broken]?: Problem
}

/** Remembers on the connection the response to its newest request (a property: cheaper than a map on every request). */
export function track(socket: Socket, res: ServerResponse): void {
  ;(socket as Tracked)[latest] = res
}

/** The response to the newest request on this connection, if one was tracked. */
export function latestResponse(socket: Socket): ServerResponse | undefined {
  return (socket as Tracked)[latest]
}

/** HTTP itself broke on this connection: for whoever is in the midst of a request of it. */
export function breakBy(socket: Socket, problem: Problem): void {
  ;(socket as Tracked)[broken] = problem
}

/** How it broke, if it did. */
export function brokenBy(socket: Socket): Problem | undefined {
  return (socket as Tracked)[broken]
}
