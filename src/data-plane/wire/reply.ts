import type { CloudEvent } from '../../event/cloud-event.ts'
import { readEvent } from './http-in.ts'
import { modeOf } from './media-type.ts'
import { Refusal } from './refusal.ts'

/**
 * What a subscriber's answer carries. `none`: nothing; `plain`: a body that does not claim to be an event;
 * `malformed`: it claims to be one (ce-specversion, or the media type of an event format) but is broken.
 */
export type Reply =
  | { readonly kind: 'none' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'event'; readonly event: CloudEvent }
  | { readonly kind: 'malformed'; readonly refusal: Refusal }

const none: Reply = { kind: 'none' }
const plain: Reply = { kind: 'plain' }

/**
 * Reads the answer to a delivery, by the same rules as an event that comes in. What the status means is the caller's.
 * @param headers by lower-case name, one character a byte, as undici gives them; a header that came twice is an array.
 */
export function readReply(headers: Readonly<Record<string, string | string[] | undefined>>, body: Buffer): Reply {
  const type = headers['content-type']
  const binary = headers['ce-specversion'] !== undefined
  // an empty body under an event's media type says nothing
  const structured = body.length > 0 && modeOf(Array.isArray(type) ? type[0] : type) !== 'binary'
  if (!binary && !structured) return body.length === 0 ? none : plain
  const event = readEvent(flat(headers), body)
  return event instanceof Refusal ? { kind: 'malformed', refusal: event } : { kind: 'event', event }
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): string[] {
  const list: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') list.push(name, value)
    else for (const one of value ?? []) list.push(name, one)
  }
  return list
}
