/** How an event travels in a request: attributes in headers, or everything in one JSON document. */
export type Mode = 'binary' | 'structured'
export const modes: readonly Mode[] = ['binary', 'structured']

/** An event as the programs are told to make it with their SDK. The data: a JSON value in this spelling, text, bytes, or none. */
export interface EventSpec {
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly data: { readonly json: string } | { readonly text: string } | { readonly base64: string } | null
}

/** The type of all events that are compared, so that one filter finds them. */
export const type = 'com.example.interop'

const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff))
const json = (text: string, datacontenttype = 'application/json') => ({ datacontenttype, data: { json: text } })
const base64 = (data: Buffer, datacontenttype: string) => ({
  datacontenttype,
  data: { base64: data.toString('base64') },
})

interface Case {
  readonly source?: string
  readonly datacontenttype?: string
  readonly data?: EventSpec['data']
  readonly [attribute: string]: string | number | boolean | EventSpec['data'] | undefined
}

/** JSON whose spelling matters: spaces, a number beyond 2^53, 1.0, letters beyond ASCII. */
const spelled = '{ "big": 12345678901234567890, "one": 1.0, "name": "Zürich" }'

const cases: Readonly<Record<string, Case>> = {
  'nothing but the required attributes': {},
  'a JSON object, a subject and a time': {
    subject: 'orders/4711',
    time: '2026-11-21T10:00:00.123Z',
    ...json('{"hello":"world","list":[1,2,3],"none":null}'),
  },
  'JSON whose spelling matters': json(spelled),
  'JSON given as bytes': base64(Buffer.from(spelled), 'application/json'),
  'JSON of another media type': json('{"a":1}', 'application/vnd.example.order+json'),
  'text beyond ASCII': { datacontenttype: 'text/plain; charset=utf-8', data: { text: 'Grüße, 東京 🎉\n"quoted"\\' } },
  'every byte there is': base64(bytes(256), 'application/octet-stream'),
  '64 KiB of bytes': base64(bytes(65_536), 'image/png'),
  'attributes beyond ASCII': { subject: 'Zürich — 東京 🎉', name: 'Žofie "Ž" 100% %41', space: 'a b' },
  'extensions of other types': { count: 42, below: -2_147_483_648, done: true, partitionkey: 'customer-7' },
  'a time with an offset, a schema and a long source': {
    source: 'https://shop.example/orders?of=4711&open#first',
    dataschema: 'https://shop.example/order.json?v=1',
    time: '2026-11-21T11:00:00+01:00',
    ...json('{"a":1}'),
  },
}

export const caseNames: readonly string[] = Object.keys(cases)

/** Case `name` as an event with this id. */
export function eventOf(name: string, id: string): EventSpec {
  const { data = null, source = '/interop', ...more } = cases[name] ?? {}
  return { attributes: { specversion: '1.0', id, source, type, ...(more as EventSpec['attributes']) }, data }
}
