import type { IncomingMessage } from 'node:http'
import { readMessage } from '../data-plane/wire/http-in.ts'
import type { CloudEvent } from '../event/cloud-event.ts'

/** What one request may bring. */
export const maxBodyBytes = 16 * 1024 * 1024

/** Of each request so much may always wait; more only while there is room, so that events of a usual size get in beside many large ones. */
const smallBytes = 65_536

/** Room for the bodies of all requests that are under way. */
export interface Room {
  /** Bytes. */
  left: number
}

/** What became of a request that brings events. */
export type Received =
  | { readonly kind: 'events'; readonly events: readonly CloudEvent[] }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** The sender went away. */
  | { readonly kind: 'broken' }

/** Reads CloudEvents in binary, structured or batched mode. Never rejects. @param room what the bodies of all requests share */
export async function receive(request: IncomingMessage, room: Room): Promise<Received> {
  const body = await bodyOf(request, room)
  if (body === 'broken') return { kind: 'broken' }
  if (body === 'too long')
    return { kind: 'refused', status: 413, detail: `the display takes at most ${maxBodyBytes} bytes` }
  if (body === 'no room') return { kind: 'refused', status: 503, detail: 'too many large requests at once' }
  const read = readMessage(request.rawHeaders, body)
  if ('status' in read) return { kind: 'refused', status: read.status, detail: read.detail }
  return { kind: 'events', events: Array.isArray(read) ? read : [read] }
}

async function bodyOf(request: IncomingMessage, room: Room): Promise<Buffer | 'broken' | 'too long' | 'no room'> {
  const chunks: Buffer[] = []
  let [size, taken, fits] = [0, 0, true]
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      fits &&= size <= maxBodyBytes && (size <= smallBytes || room.left >= chunk.length)
      // Read to its end all the same: who is still sending would not see the answer.
      if (!fits) {
        chunks.length = 0
        continue
      }
      chunks.push(chunk)
      room.left -= chunk.length
      taken += chunk.length
    }
  } catch {
    return 'broken'
  } finally {
    room.left += taken
  }
  if (size > maxBodyBytes) return 'too long'
  return fits ? Buffer.concat(chunks) : 'no room'
}
