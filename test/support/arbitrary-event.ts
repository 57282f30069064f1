import fc from 'fast-check'
import type { CloudEvent } from '../../src/event/cloud-event.ts'

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

const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array))
const json = fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text))

/** Any valid event. */
export const arbitraryEvent: fc.Arbitrary<CloudEvent> = fc
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
        datacontenttype: fc.constantFrom(
          'application/json',
          'application/vnd.shop+json; v="1; 2"',
          'text/plain; charset="a b"',
          'text/plain; charset=utf-8',
          'application/cbor',
        ),
      },
      { requiredKeys: [] },
    ),
    extensions: fc.dictionary(name, fc.oneof(attributeText, fc.constant('')), { maxKeys: 5 }),
    data: fc.oneof(
      fc.constant(null),
      bytes,
      json,
      attributeText.map((text) => Buffer.from(text)),
    ),
    trace: fc.option(trace, { nil: undefined }),
  })
  .map(({ required, optional, extensions, data, trace: context }) => {
    const attributes = new Map(Object.entries({ ...extensions, ...optional, ...required }))
    const kept = data === null ? null : withoutSpace(data)
    return context === undefined ? { attributes, data: kept } : { attributes, data: kept, trace: context }
  })

/** Space around a JSON value is no part of it: structured mode does not keep it. Rarely, other arbitrary data is such JSON by chance (`9 `). */
function withoutSpace(data: Buffer): Buffer {
  try {
    JSON.parse(data.toString())
    return Buffer.from(data.toString('latin1').replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ''), 'latin1')
  } catch {
    return data
  }
}

/** An event as a plain value, for comparisons. */
export const plainEvent = (event: CloudEvent): object => ({
  ...event,
  attributes: Object.fromEntries(event.attributes),
})
