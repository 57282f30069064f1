import type { IncomingMessage } from 'node:http'
import { readMessage } from '../data-plane/wire/http-in.ts'
import type { CloudEvent } from '../event/cloud-event.ts'

/** What one request may bring. */
export const maxBodyBytes = 16 * 1024 * 1024

/** What became of a request that brings events. */
export type Received =
  | { readonly kind: 'events'; readonly events: readonly CloudEvent[] }
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** The sender went away. */
  | { readonly kind: 'broken' }

/** Reads CloudEvents in binary, structured or batched mode. Never rejects. */
export async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      // Read to its end all the same: who is still sending would not see the answer.
      if (size <= maxBodyBytes) chunks.push(chunk)
      else chunks.length = 0
    }
  } catch {
    return { kind: 'broken' }
  }
  if (size > maxBodyBytes)
    return { kind: 'refused', status: 413, detail: `the display takes at most ${maxBodyBytes} bytes` }
  const read = readMessage(request.rawHeaders, Buffer.concat(chunks))
  if ('status' in read) return { kind: 'refused', status: read.status, detail: read.detail }
  return { kind: 'events', events: Array.isArray(read) ? read : [read] }
}
