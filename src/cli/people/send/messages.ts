import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import { checkAttributes, checkName } from '../../../data-plane/wire/attributes.ts'
import { writeHeaders } from '../../../data-plane/wire/http-out.ts'
import { structuredType, writeStructured } from '../../../data-plane/wire/structured-out.ts'
import { readEventFile } from '../../event-file.ts'
import { UsageError } from '../../flags.ts'
import { readEvents } from '../../match/read-events.ts'
import type { SendFlags } from './flags.ts'

/** One request: an event, or a batch of them. */
export interface Message {
  readonly ids: readonly string[]
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Far below what an ingress takes by default, in number and in bytes. */
const batchOf = { events: 500, bytes: 512 * 1024 }

/** How many requests there will be, and each of them in turn: many are made only when they are sent. @throws UsageError */
export function messagesOf(flags: SendFlags): { readonly total: number; readonly each: Iterable<Message> } {
  if (flags.batch !== undefined) {
    const batches = inBatches(eventsOf(flags.batch))
    return { total: batches.length, each: batches.map(batchMessage) }
  }
  if (flags.event !== undefined) {
    const events = eventsOf(flags.event)
    return { total: events.length, each: events.map((event) => messageOf(event, flags.structured)) }
  }
  const event = checked(eventOf(flags))
  return { total: flags.count, each: copies(event, flags) }
}

function* copies(event: CloudEvent, { count, id, structured }: SendFlags): Iterable<Message> {
  for (let n = 1; n <= count; n += 1) {
    const own = id === undefined ? crypto.randomUUID() : count === 1 ? id : `${id}-${n}`
    yield messageOf({ ...event, attributes: new Map([...event.attributes, ['id', own]]) }, structured)
  }
}

function eventsOf(path: string): readonly CloudEvent[] {
  const read = readEvents(readEventFile(path), path === '-' ? 'stdin' : path)
  if ('problems' in read) throw new UsageError(read.problems.join('\n'))
  if (read.events.length === 0) throw new UsageError(`there is no event in ${path}`)
  return read.events.map(({ event }) => event)
}

function eventOf(flags: SendFlags): CloudEvent {
  const { type = '', source, id = 'new', subject, time = new Date().toISOString(), extension } = flags
  const data = dataOf(flags)
  const attributes = new Map(Object.entries({ specversion: '1.0', id, source, type, time }))
  if (subject !== undefined) attributes.set('subject', subject)
  const contentType = flags.contentType ?? (data === null ? undefined : guessedType(data))
  if (contentType !== undefined) attributes.set('datacontenttype', contentType)
  for (const [name, value] of Object.entries(extension)) {
    if (attributes.has(name)) throw new UsageError(`--extension ${name}: has a flag of its own, or is set already`)
    attributes.set(name, value)
  }
  return { attributes, data }
}

function dataOf({ data, dataFile }: SendFlags): Buffer | null {
  if (data !== undefined) return Buffer.from(data)
  return dataFile === undefined ? null : readEventFile(dataFile)
}

function guessedType(data: Buffer): string {
  if (!isUtf8(data)) return 'application/octet-stream'
  try {
    JSON.parse(data.toString('utf8'))
    return 'application/json'
  } catch {
    return 'text/plain; charset=utf-8'
  }
}

/** As the ingress would say it, but before anything is sent. */
function checked(event: CloudEvent): CloudEvent {
  const names = [...event.attributes.keys()].filter((name) => name !== 'datacontenttype').map(checkName)
  const refusal = names.find((each) => each !== null) ?? checkAttributes(event.attributes)
  if (refusal !== null) throw new UsageError(refusal.detail)
  return event
}

function messageOf(event: CloudEvent, structured: boolean): Message {
  const ids = [event.attributes.get('id') ?? '']
  if (structured) return { ids, headers: ['content-type', structuredType], body: writeStructured(event, []) }
  return { ids, headers: writeHeaders(event, [], []), body: event.data ?? Buffer.alloc(0) }
}

interface Written {
  readonly id: string
  readonly json: Buffer
}

function inBatches(events: readonly CloudEvent[]): readonly (readonly Written[])[] {
  const batches: Written[][] = []
  let bytes = Infinity
  for (const event of events) {
    const json = writeStructured(event, [])
    const last = batches.at(-1)
    const one = { id: event.attributes.get('id') ?? '', json }
    if (last === undefined || last.length >= batchOf.events || bytes + json.length > batchOf.bytes) {
      batches.push([one])
      bytes = json.length
    } else {
      last.push(one)
      bytes += json.length
    }
  }
  return batches
}

function batchMessage(events: readonly Written[]): Message {
  const comma = Buffer.from(',')
  const parts = events.flatMap(({ json }, at) => (at === 0 ? [json] : [comma, json]))
  return {
    ids: events.map(({ id }) => id),
    headers: ['content-type', 'application/cloudevents-batch+json'],
    body: Buffer.concat([Buffer.from('['), ...parts, Buffer.from(']')]),
  }
}
