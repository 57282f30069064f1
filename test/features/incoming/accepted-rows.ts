import type { Sent } from '../delivery-rules-rig.ts'
import { bigInt, binary, json, type Headers } from './requests.ts'

/** An event that is taken, and how it is delivered. */
interface AcceptedRow {
  readonly rule: string
  readonly send: (id: string) => Sent
  /** Headers of the delivery. */
  readonly headers: Headers
  readonly without?: readonly string[]
  /** Its body, one character a byte. */
  readonly body: string
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

const headerValues: readonly AcceptedRow[] = [
  ['percent escapes of UTF-8, in either case', 'Euro%20%e2%82%AC%20%F0%9F%98%80', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
  ['escapes of what needs none', '%41b', 'Ab'],
  ['a percent sign, decoded once', '%2541', '%2541'],
  ['a quoted string, as older versions wrote it', '"a \\"b\\" c"', 'a%20%22b%22%20c'],
  ['a space that was not escaped', 'a b', 'a%20b'],
  ['UTF-8 that was not escaped', latin1('grün'), 'gr%C3%BCn'],
].map(([what = '', raw = '', delivered = '']) => ({
  rule: `the value of a header: ${what}`,
  send: binary({ 'ce-subject': raw }),
  headers: { 'ce-subject': delivered },
  body: '',
}))

const binaryMode: readonly AcceptedRow[] = [
  {
    rule: 'binary mode: data keeps its bytes, Content-Type is datacontenttype with its parameters',
    send: binary({ 'content-type': 'application/json; charset=utf-8' }, '{"n": 1.0}'),
    headers: { 'content-type': 'application/json; charset=utf-8', 'ce-specversion': '1.0', 'ce-source': '/shop' },
    without: ['ce-datacontenttype'],
    body: '{"n": 1.0}',
  },
  {
    rule: 'binary mode: names of headers in any case, extensions of any name',
    send: binary({ 'CE-MyExt1': 'x' }),
    headers: { 'ce-myext1': 'x' },
    body: '',
  },
  {
    rule: 'binary mode: no Content-Type, no datacontenttype',
    send: binary({}, 'data'),
    headers: {},
    without: ['content-type'],
    body: 'data',
  },
  {
    rule: 'binary mode: optional attributes as they are, a time with an offset and a fraction too',
    send: binary({ 'ce-time': '2026-02-28T23:59:60.123456789+05:30', 'ce-dataschema': 'https://shop.example/s' }),
    headers: { 'ce-time': '2026-02-28T23:59:60.123456789+05:30', 'ce-dataschema': 'https://shop.example/s' },
    body: '',
  },
  {
    rule: 'a slash at the end of the path and a query',
    send: (id) => ({ ...binary()(id), path: '/shop/default/?access_token=x' }),
    headers: {},
    body: '',
  },
]

const structuredMode: readonly AcceptedRow[] = [
  {
    rule: 'structured mode: JSON data byte for byte, its implied type made explicit',
    send: json(`"data": { "n" : ${bigInt},"f":1.0 }`),
    headers: { 'content-type': 'application/json' },
    body: `{ "n" : ${bigInt},"f":1.0 }`,
  },
  {
    rule: 'structured mode: a JSON string keeps its quotes',
    send: json('"data":"text","datacontenttype":"application/vnd.x+json"'),
    headers: { 'content-type': 'application/vnd.x+json' },
    body: '"text"',
  },
  { rule: 'structured mode: null is data', send: json('"data":null'), headers: {}, body: 'null' },
  {
    rule: 'structured mode: a string of another type is the text itself',
    send: json('"data":"<much wow=\\"xml\\"/>","datacontenttype":"application/xml"'),
    headers: { 'content-type': 'application/xml' },
    body: '<much wow="xml"/>',
  },
  {
    rule: 'structured mode: text is written in the charset of its type',
    send: json('"data":"grün","datacontenttype":"text/plain; charset=ISO-8859-1"'),
    headers: { 'content-type': 'text/plain; charset=ISO-8859-1' },
    body: 'grün',
  },
  {
    rule: 'structured mode: data_base64 is bytes',
    send: json('"data_base64":"AP+A","datacontenttype":"application/octet-stream"'),
    headers: { 'content-type': 'application/octet-stream' },
    body: '\0\xff\x80',
  },
  {
    rule: 'structured mode: booleans and integers in their canonical form, null is unset',
    send: json('"flag":true,"count":-5,"subject":null'),
    headers: { 'ce-flag': 'true', 'ce-count': '-5' },
    without: ['ce-subject'],
    body: '',
  },
  {
    rule: 'structured mode: the media type with a charset, in any case, and a byte order mark',
    send: (id) => {
      const sent = json('"data":1', '1.0', 'Application/CloudEvents+JSON; charset=UTF-8')(id)
      return { ...sent, body: `\ufeff${String(sent.body)}` }
    },
    headers: {},
    body: '1',
  },
  {
    rule: 'structured mode: headers that repeat attributes do not count, the body does',
    send: (id) => {
      const sent = json('"subject":"body"')(id)
      return { ...sent, headers: { ...sent.headers, 'ce-subject': 'header', 'ce-id': '%' } }
    },
    headers: { 'ce-subject': 'body' },
    body: '',
  },
]

const version03: readonly AcceptedRow[] = [
  {
    rule: '0.3, binary mode: kept as sent, with its own attributes, and data untouched',
    send: binary(
      { 'ce-specversion': '0.3', 'ce-schemaurl': '/schema.json', 'ce-datacontentencoding': 'base64' },
      'AAEC',
    ),
    headers: { 'ce-specversion': '0.3', 'ce-schemaurl': '/schema.json', 'ce-datacontentencoding': 'base64' },
    body: 'AAEC',
  },
  {
    rule: '0.3, structured mode: data in Base64 is bytes, and no longer says that it is encoded',
    send: json(
      '"schemaurl":"/s","datacontentencoding":"Base64","datacontenttype":"image/png","data":"AAEC\\r\\nAwQF"',
      '0.3',
    ),
    headers: { 'ce-specversion': '0.3', 'ce-schemaurl': '/s', 'content-type': 'image/png' },
    without: ['ce-datacontentencoding'],
    body: '\0\u0001\u0002\u0003\u0004\u0005',
  },
  {
    rule: '0.3, structured mode: data that is no string has no encoding, whatever is said',
    send: json('"datacontentencoding":"base64","data":{"a":1.0}', '0.3'),
    headers: { 'ce-specversion': '0.3', 'content-type': 'application/json' },
    without: ['ce-datacontentencoding'],
    body: '{"a":1.0}',
  },
  {
    rule: '0.3, structured mode: an extension that is a map travels as its canonical string',
    send: json('"comexampleextension2":{ "otherValue": 5 },"data":"x"', '0.3'),
    headers: { 'ce-comexampleextension2': '{%22otherValue%22:5}' },
    body: '"x"',
  },
]

/** One row a rule of what is taken. */
export const acceptedRows: readonly AcceptedRow[] = [...headerValues, ...binaryMode, ...structuredMode, ...version03]
