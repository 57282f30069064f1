import type { CloudEvent } from '../../event/cloud-event.ts'
import { readMessage } from './http-in.ts'
import { modeOf } from './media-type.ts'
import { Refusal } from './refusal.ts'

/**
 * What a subscriber's answer carries. `none`: nothing; `plain`: a body that does not claim to be an event; `events`: one, or those of a batch
 * (which may be empty); `malformed`: it claims to be one (ce-specversion, or the media type of an event format) but is broken.
 */
export type Reply =
  | { readonly kind: 'none' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'events'; readonly events: readonly CloudEvent[] }
  | { readonly kind: 'malformed'; readonly refusal: Refusal }

const none: Reply = { kind: 'none' }
const plain: Reply = { kind: 'plain' }

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Whether an answer says that it is an event, or several. @param headers by lower-case name. */
export function claimsEvent(headers: Headers): boolean {
  return headers['ce-specversion'] !== undefined || modeOf(contentType(headers)) !== 'binary'
}

/**
 * Reads the answer to a delivery, by the same rules as events that come in. What the status means is the caller's.
 * @param headers by lower-case name, one character a byte, as undici gives them; a header that came twice is an array.
 */
export function readReply(headers: Headers, body: Buffer): Reply {
  const binary = headers['ce-specversion'] !== undefined
  // an empty body under an event's media type says nothing
  const structured = body.length > 0 && modeOf(contentType(headers)) !== 'binary'
  if (!binary && !structured) return body.length === 0 ? none : plain
  const read = readMessage(flat(headers), body)
  if (read instanceof Refusal) return { kind: 'malformed', refusal: read }
  return { kind: 'events', events: Array.isArray(read) ? read : [read] }
}

function contentType(headers: Headers): string | undefined {
  const type = headers['content-type']
  return Array.isArray(type) ? type[0] : type
}

function flat(headers: Headers): string[] {
  const list: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') list.push(name, value)
    else for (const one of value ?? []) list.push(name, one)
  }
  return list
}
