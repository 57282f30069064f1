import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { LogRecord, NewRecord } from '../../kafka/log.ts'
import { readEvent } from './http-in.ts'
import { writeHeaders } from './http-out.ts'
import { fromRecord, NotAnEvent, toRecord } from './record.ts'
import { Refusal } from './refusal.ts'
import { readReply } from './reply.ts'

/** Any text that a CloudEvents String may hold, edges of the encoding well represented. */
const attributeText = fc
  .string({
    unit: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...' "%\\,;=ä€😀aZ09~'.split('')) },
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 40,
  })
  .map((text) => text.toWellFormed().replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, ''))
  .filter((text) => text.length > 0)

const segment = fc.stringMatching(/^[a-z0-9._~!$&'()*+,;=-]{1,12}$/)
const uri = fc.oneof(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`),
  fc
    .array(segment, { minLength: 1, maxLength: 3 })
    .map((parts) => `https://shop.example:8080/${parts.join('/')}?a=%20#${parts[0] ?? ''}`),
  fc.constantFrom(
    'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
    '#frag',
    '?q',
    '//host',
    'mailto:a@b.example',
    'a/b:c',
    'http://[::1]:80/x',
  ),
)
const absolute = fc.constantFrom('https://shop.example/schema.json', 'urn:x:y', 'http://[::1]/a?b#c')
const time = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString())
const name = fc
  .stringMatching(/^[a-z0-9]{1,20}$/)
  .filter((text) => !/^(data|datacontenttype|specversion|id|source|type|subject|time|dataschema|schemaurl)$/.test(text))
const hexDigits = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`))
const trace = fc
  .tuple(hexDigits(32), hexDigits(16), fc.option(fc.constantFrom('a=1', 'a=1,b=2 ,c=3'), { nil: undefined }))
  .map(([id, span, state]) => {
    const traceparent = `00-${id}-${span}-01`
    return state === undefined ? { traceparent } : { traceparent, tracestate: state }
  })

/** Any valid event. */
const arbitraryEvent: fc.Arbitrary<CloudEvent> = fc
  .record({
    required: fc.record({
      specversion: fc.constantFrom('1.0', '0.3'),
      id: attributeText,
      source: uri,
      type: attributeText,
    }),
    optional: fc.record(
      {
        subject: attributeText,
        time,
        dataschema: absolute,
        datacontenttype: fc.constantFrom('application/json', 'text/plain; charset="a b"', 'application/cbor'),
      },
      { requiredKeys: [] },
    ),
    extensions: fc.dictionary(name, fc.oneof(attributeText, fc.constant('')), { maxKeys: 5 }),
    data: fc.oneof(
      fc.constant(null),
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    ),
    trace: fc.option(trace, { nil: undefined }),
  })
  .map(({ required, optional, extensions, data, trace: context }) => {
    const attributes = new Map(Object.entries({ ...extensions, ...optional, ...required }))
    return context === undefined ? { attributes, data } : { attributes, data, trace: context }
  })

const nothing = Buffer.alloc(0)
const stored = (record: NewRecord): LogRecord => ({ offset: 0n, timestamp: 0, ...record })
const plainEvent = (event: CloudEvent): object => ({ ...event, attributes: Object.fromEntries(event.attributes) })
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
        expect(['none', 'plain', 'event', 'malformed']).toContain(readReply(Object.fromEntries(pairs), bytes).kind)
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
