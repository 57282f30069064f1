import type { Sent } from '../delivery-rules-rig.ts'
import { binary, json, jsonType, type Headers } from './requests.ts'

/** A request that is refused, and the answer. */
interface RefusedRow {
  readonly rule: string
  readonly send: (id: string) => Sent
  readonly status: number
  readonly code: string
  readonly attribute?: string
  readonly says: RegExp
  readonly headers?: Headers
}

const invalid = { status: 400, code: 'InvalidAttribute' } as const
const required = ['specversion', 'id', 'source', 'type'] as const

const attributes: readonly RefusedRow[] = [
  ...required.flatMap((attribute) => [
    {
      ...{ rule: `binary mode without ${attribute}`, status: 400, code: 'MissingAttribute', attribute },
      send: binary({ [`ce-${attribute}`]: '' }),
      says: new RegExp(`ce-${attribute}`),
    },
    {
      ...{ rule: `structured mode with ${attribute} unset`, status: 400, code: 'MissingAttribute', attribute },
      send: (id: string): Sent => {
        const event = { specversion: '1.0', id, source: '/shop', type: 'order', [attribute]: null }
        return { headers: { 'content-type': jsonType }, body: JSON.stringify(event) }
      },
      says: new RegExp(`\\\\"${attribute}\\\\"`),
    },
  ]),
  ...[
    ['specversion', '2.0', 'an unknown version', /send 1\.0/],
    ['source', 'a b', 'a source that is no URI-reference', /RFC 3986/],
    ['time', '2026-02-30T00:00:00Z', 'a day that is not', /RFC 3339/],
    ['dataschema', '/relative', 'a schema that is not absolute', /absolute URI/],
    ['subject', '', 'an empty subject', /leave it out/],
    ['my_ext', 'x', 'a name with an underscore', /a to z and 0 to 9/],
    ['knativebrokerttl', '1', 'an event that may pass no more Brokers', /passed as many Brokers/],
    ['knativebrokerttl', '0', 'a count of Brokers that is 0', /positive integer/],
    ['knativebrokerttl', '-1', 'a count of Brokers below 0', /positive integer/],
    ['knativebrokerttl', 'many', 'a count of Brokers that is no number', /positive integer/],
  ].flatMap(([attribute = '', value = '', what, says]) => {
    const code = String(what).includes('no more Brokers') ? 'LoopDetected' : 'InvalidAttribute'
    const row = { status: 400, code, attribute: String(attribute), says: says as RegExp }
    return [
      { ...row, rule: `binary mode: ${String(what)}`, send: binary({ [`ce-${String(attribute)}`]: String(value) }) },
      {
        ...row,
        rule: `structured mode: ${String(what)}`,
        send: (id: string): Sent => {
          const event = { specversion: '1.0', id, source: '/shop', type: 'order', [String(attribute)]: value }
          return { headers: { 'content-type': jsonType }, body: JSON.stringify(event) }
        },
      },
    ]
  }),
]

const encodings: readonly RefusedRow[] = [
  ['a broken escape', '100%', /%25/],
  ['an overlong encoding', '%C0%A0', /UTF-8/],
  ['bytes that are not UTF-8', '\xff', /UTF-8/],
  ['an escaped null byte', 'a%00b', /control character/],
].map(([what, value, says]) => ({
  ...invalid,
  rule: `the value of a header: ${String(what)}`,
  attribute: 'subject',
  send: binary({ 'ce-subject': String(value) }),
  says: says as RegExp,
}))

const messages: readonly RefusedRow[] = [
  {
    ...{ rule: 'no CloudEvent at all', status: 400, code: 'NotACloudEvent' },
    send: () => ({ headers: { 'content-type': 'application/json' }, body: '{"msg":"hello"}' }),
    says: /ce-specversion.*"example":"curl /s,
  },
  {
    ...{ rule: 'the header ce-datacontenttype', status: 400, code: 'InvalidHeader', attribute: 'datacontenttype' },
    send: binary({ 'ce-datacontenttype': 'text/plain' }),
    says: /use Content-Type/,
  },
  {
    ...{ rule: 'a header twice', status: 400, code: 'InvalidHeader', attribute: 'subject' },
    send: (id) => ({ headers: { ...binary()(id).headers, 'ce-subject': ['a', 'b'] } }),
    says: /send it once/,
  },
  {
    ...{ rule: 'two Content-Types', status: 400, code: 'InvalidHeader' },
    send: (id) => ({ headers: { ...binary()(id).headers, 'content-type': ['text/plain', jsonType] } }),
    says: /Content-Type is there more than once/,
  },
  {
    ...{ rule: 'a Content-Type that is no media type', ...invalid, attribute: 'datacontenttype' },
    send: binary({ 'content-type': 'json' }),
    says: /media type/,
  },
  {
    ...{ rule: 'an event as the data of an event', ...invalid, attribute: 'datacontenttype' },
    send: json(`"datacontenttype":"${jsonType}","data":{}`),
    says: /application\/json/,
  },
  {
    ...{ rule: 'structured mode: JSON that is cut short', status: 400, code: 'InvalidJson' },
    send: () => ({ headers: { 'content-type': jsonType }, body: '{"specversion":' }),
    says: /cannot be parsed/,
  },
  {
    ...{ rule: 'structured mode: an array', status: 400, code: 'NotACloudEvent' },
    send: () => ({ headers: { 'content-type': jsonType }, body: '[]' }),
    says: /cloudevents-batch\+json/,
  },
  {
    ...{ rule: 'structured mode: a member twice', ...invalid, attribute: 'subject' },
    send: json('"subject":"a","subject":"b"'),
    says: /more than once/,
  },
  {
    ...{ rule: 'structured mode: an attribute that is an object', ...invalid, attribute: 'ext' },
    send: json('"ext":{"a":1}'),
    says: /structured values belong into/,
  },
  {
    ...{ rule: 'structured mode: an attribute that is a number but must be a string', ...invalid, attribute: 'type' },
    send: (id) => ({
      headers: { 'content-type': jsonType },
      body: JSON.stringify({ specversion: '1.0', id, source: '/shop', type: 7 }),
    }),
    says: /write it in quotes/,
  },
  {
    ...{
      rule: 'structured mode: more attributes than are taken, however small',
      status: 400,
      code: 'InvalidAttribute',
    },
    send: json(Array.from({ length: 16_400 }, (_, n) => `"a${n}":""`).join(',')),
    says: /All attributes together may have 16384 bytes/,
  },
  {
    ...{ rule: 'structured mode: data and data_base64', status: 400, code: 'InvalidData' },
    send: json('"data":1,"data_base64":"AA=="'),
    says: /not both/,
  },
  {
    ...{ rule: 'structured mode: data_base64 that is not Base64', status: 400, code: 'InvalidData' },
    send: json('"data_base64":"A-_="'),
    says: /Base64/,
  },
  {
    ...{ rule: 'structured mode: text that its charset cannot hold', status: 400, code: 'InvalidData' },
    ...{ attribute: 'datacontenttype', send: json('"datacontenttype":"text/plain; charset=iso-8859-1","data":"€"') },
    says: /data_base64/,
  },
  {
    ...{ rule: '0.3: an encoding that is not defined', ...invalid, attribute: 'datacontentencoding' },
    send: json('"datacontentencoding":"quoted-printable","data":"x"', '0.3'),
    says: /send base64/,
  },
  ...[
    'application/cloudevents+avro',
    'application/cloudevents+protobuf',
    'application/cloudevents+xml',
    'application/cloudevents-batch+avro',
  ].map((type) => ({
    ...{ rule: `the event format ${type}`, status: 415, code: 'UnsupportedMediaType' },
    send: binary({ 'content-type': type }),
    says: /application\/cloudevents\+json/,
    headers: { accept: 'application/cloudevents+json, application/cloudevents-batch+json' },
  })),
  {
    ...{ rule: 'a compressed body', status: 415, code: 'UnsupportedEncoding' },
    send: binary({ 'content-encoding': 'gzip' }, 'x'),
    says: /gzip/,
    headers: { 'accept-encoding': 'identity' },
  },
  {
    ...{ rule: 'a body larger than the ingress takes', status: 413, code: 'EventTooLarge' },
    send: binary({}, 'x'.repeat(200_001)),
    says: /"limit":200000/,
  },
]

/** One row a rule of what is refused. */
export const refusedRows: readonly RefusedRow[] = [...attributes, ...encodings, ...messages]
