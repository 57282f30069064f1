import type { CloudEvent } from '../../event/cloud-event.ts'
import { readBatch } from '../../data-plane/wire/batch.ts'
import { Refusal } from '../../data-plane/wire/refusal.ts'
import { readStructured } from '../../data-plane/wire/structured.ts'

/** An event of a file, and where it stands there. */
export interface FoundEvent {
  /** E.g. `event.json`, `events.json[3]` or `events.jsonl:4`. */
  readonly place: string
  readonly event: CloudEvent
}

/** Events of a file, or sentences about what is wrong with it. */
export type ReadEvents = { readonly events: readonly FoundEvent[] } | { readonly problems: readonly string[] }

/** Reads the JSON format of CloudEvents as the ingress does: one event, an array of events (a batch), or an event a line. */
export function readEvents(content: Buffer, file: string): ReadEvents {
  const lines = linesOf(content)
  const [first] = lines
  // An event that is spread over lines has no line that is JSON by itself.
  const whole = lines.length < 2 || first === undefined || whyNotJson(first.content) !== null
  if (!whole) return gather(lines.map((line) => ({ place: `${file}:${line.number}`, read: read(line.content) })))
  const parsed = whyNotJson(content)
  if (parsed !== null) return { problems: [`${file}: is not JSON: ${parsed}; expected e.g. ${example}`] }
  return content.toString('utf8').trimStart().startsWith('[')
    ? batch(content, file)
    : gather([{ place: file, read: read(content) }])
}

function read(content: Buffer): CloudEvent | string {
  const why = whyNotJson(content)
  if (why !== null) return `is not JSON: ${why}`
  const event = readStructured(content)
  return event instanceof Refusal ? event.detail : event
}

function batch(content: Buffer, file: string): ReadEvents {
  const read = readBatch(content)
  if (read instanceof Refusal) return { problems: [`${file}: ${read.detail}`] }
  return { events: read.map((event, i) => ({ place: `${file}[${i}]`, event })) }
}

/** All that is wrong, and not only the first of it. */
function gather(all: readonly { readonly place: string; readonly read: CloudEvent | string }[]): ReadEvents {
  const problems = all.flatMap(({ place, read }) => (typeof read === 'string' ? [`${place}: ${read}`] : []))
  if (problems.length > 0) return { problems }
  return { events: all.flatMap(({ place, read }) => (typeof read === 'string' ? [] : [{ place, event: read }])) }
}

/** Lines that are not empty, counted from 1. */
function linesOf(content: Buffer): readonly { readonly number: number; readonly content: Buffer }[] {
  const lines: { number: number; content: Buffer }[] = []
  for (let at = 0, number = 1; at < content.length; number++) {
    const end = content.indexOf(0x0a, at)
    const line = content.subarray(at, end < 0 ? content.length : end)
    if (line.toString('utf8').trim() !== '') lines.push({ number, content: line })
    at = end < 0 ? content.length : end + 1
  }
  return lines
}

const example = '{"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.created"}'

/** Null: it is. */
function whyNotJson(content: Buffer): string | null {
  if (content.length === 0) return 'it is empty'
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
    return null
  } catch (error) {
    return error instanceof SyntaxError ? error.message : 'it is not UTF-8'
  }
}
