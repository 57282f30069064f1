import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { arbitraryEvent, plainEvent } from '../../../test/support/arbitrary-event.ts'
import type { LogRecord, NewRecord } from '../../kafka/log.ts'
import { readEvent } from './http-in.ts'
import { writeHeaders } from './http-out.ts'
import { fromRecord, NotAnEvent, toRecord } from './record.ts'
import { Refusal } from './refusal.ts'
import { readReply } from './reply.ts'
import { structuredType, writeStructured } from './structured-out.ts'

const nothing = Buffer.alloc(0)
const stored = (record: NewRecord): LogRecord => ({ offset: 0n, timestamp: 0, ...record })
const only = (trace: CloudEvent['trace']): Pick<CloudEvent, 'trace'> => (trace === undefined ? {} : { trace })
const ok = (read: CloudEvent | Refusal | NotAnEvent): CloudEvent => {
  if (read instanceof Refusal || read instanceof NotAnEvent) throw new Error(JSON.stringify(read))
  return read
}

describe('an event on the wire', () => {
  it('is unchanged after HTTP → record → HTTP, whatever its attributes and bytes', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const sent = writeHeaders(event, [], [])
        for (const text of sent) expect(text).toMatch(/^[\x20-\x7e]*$/)
        const accepted = ok(readEvent(sent, event.data ?? nothing))
        const record = fromRecord(stored(toRecord(accepted, 'topic')))
        const delivered = ok(readEvent(writeHeaders(ok(record), [], []), ok(record).data ?? nothing))
        expect(plainEvent(delivered)).toEqual(plainEvent(event))
      }),
    )
  })

  it('is unchanged after structured mode → record → structured mode, to the byte', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const sent = writeStructured(event, [])
        const trace = writeHeaders({ attributes: new Map(), data: null, ...only(event.trace) }, [], [])
        const accepted = ok(readEvent(['content-type', structuredType, ...trace], sent))
        expect(plainEvent(accepted)).toEqual(plainEvent(event))
        const kept = ok(fromRecord(stored(toRecord(accepted, 'topic'))))
        expect(writeStructured(kept, []).toString('latin1')).toBe(sent.toString('latin1'))
      }),
    )
  })

  it('is unchanged when sent as JSON, with data in Base64', () => {
    fc.assert(
      fc.property(arbitraryEvent, ({ attributes, data }) => {
        const json = {
          ...Object.fromEntries(attributes),
          ...(data === null ? {} : { data_base64: data.toString('base64') }),
        }
        const read = ok(readEvent(['Content-Type', 'application/cloudevents+json'], Buffer.from(JSON.stringify(json))))
        expect(plainEvent(read)).toEqual(plainEvent({ attributes, data }))
      }),
    )
  })

  it('keeps the exact text of JSON data in structured mode', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.boolean(), fc.constantFrom('', ' ', '\n\t'), (data, first, space) => {
        const attributes = '"specversion":"1.0","id":"1","source":"/s","type":"t"'
        const member = `"data"${space}:${space}${data}${space}`
        const body = `${space}{${space}${first ? `${member},${attributes}` : `${attributes},${member}`}}${space}`
        const read = ok(readEvent(['content-type', 'application/cloudevents+json'], Buffer.from(body)))
        expect(read.data?.toString()).toBe(data)
        expect(read.attributes.get('datacontenttype')).toBe('application/json')
      }),
    )
  })

  it('never throws, whatever headers and body arrive', () => {
    const header = fc.oneof(
      fc.constantFrom(
        'ce-id',
        'CE-Source',
        'ce-type',
        'ce-specversion',
        'ce-',
        'content-type',
        'traceparent',
        'ce-time',
        'tracestate',
      ),
      fc.string({ maxLength: 8 }),
    )
    const latin1 = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
    const value = fc.oneof(
      fc.constantFrom('1.0', '/s', 'application/cloudevents+json', 'application/cloudevents'),
      fc.string(),
      latin1,
    )
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(header, value)), body, (pairs, bytes) => {
        const read = readEvent(pairs.flat(), bytes)
        if (read instanceof Refusal) expect([400, 415]).toContain(read.status)
        else expect(fromRecord(stored(toRecord(read, 't')))).not.toBeInstanceOf(NotAnEvent)
        expect(['none', 'plain', 'events', 'malformed']).toContain(readReply(Object.fromEntries(pairs), bytes).kind)
      }),
      { numRuns: 300 },
    )
  })

  it('never throws on any record', () => {
    const headerName = fc.oneof(
      fc.constantFrom('ce_id', 'ce_source', 'ce_type', 'ce_specversion', 'content-type', 'traceparent'),
      fc.string(),
    )
    const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)))
    fc.assert(
      fc.property(fc.array(fc.tuple(headerName, bytes)), bytes, (headers, value) => {
        const read = fromRecord({ offset: 0n, timestamp: 0, key: null, value, headers })
        if (!(read instanceof NotAnEvent))
          for (const text of writeHeaders(read, [], [])) expect(text).toMatch(/^[\x20-\x7e\t]*$/)
      }),
    )
  })
})
