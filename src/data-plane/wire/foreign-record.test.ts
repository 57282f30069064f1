import { describe, expect, it, test } from 'vitest'
import type { RecordConversion } from '../../contract/outlet.ts'
import type { Header, LogRecord } from '../../kafka/log.ts'
import { checkAttributes, checkName } from './attributes.ts'
import { fromForeign, maxForeignBytes, maxForeignName } from './foreign-record.ts'
import { decodeHeaderValue, isAllowedText } from './header-value.ts'
import { writeHeaders } from './http-out.ts'

const source = '/apis/v1/namespaces/shop/kafkasources/orders#in'
const conversion: RecordConversion = {
  type: 'dev.knative.kafka.event',
  source,
  keyType: 'string',
  tombstones: 'deliver',
}
const at = { topic: 'in', partition: 3 }

function record(change: Partial<LogRecord> = {}): LogRecord {
  const timestamp = Date.UTC(2026, 3, 5, 17, 31, 0, 123)
  return { offset: 42n, timestamp, key: null, value: Buffer.from('value'), headers: [], ...change }
}

function attributes(
  change: Partial<LogRecord>,
  keyType: RecordConversion['keyType'] = 'string',
): Record<string, string> {
  const event = fromForeign(record(change), at, { ...conversion, keyType })
  if (event === null) throw new Error('it was left out')
  return Object.fromEntries(event.attributes)
}

const headers = (...list: readonly (readonly [string, string | Buffer | null])[]): Pick<LogRecord, 'headers'> => ({
  headers: list.map(([name, value]): Header => [name, typeof value === 'string' ? Buffer.from(value) : value]),
})
const added = (change: Partial<LogRecord>): Record<string, string> => {
  const all = attributes(change)
  for (const name of ['specversion', 'id', 'source', 'type', 'subject', 'time']) delete all[name]
  return all
}
const float = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes
}
const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

test('a record becomes an event that says where it stands, with its value untouched', () => {
  const value = Buffer.from([0, 255, 13, 10])
  const event = fromForeign(record({ value, key: Buffer.from('k'), ...headers(['X-Trace_Id', 'abc']) }), at, conversion)
  expect(Object.fromEntries(event?.attributes ?? [])).toEqual({
    specversion: '1.0',
    id: 'partition:3/offset:42',
    source,
    type: 'dev.knative.kafka.event',
    subject: 'partition:3#42',
    time: '2026-04-05T17:31:00.123Z',
    key: 'k',
    partitionkey: 'k',
    kafkaheaderxtraceid: 'abc',
  })
  expect(event?.data).toBe(value)
})

describe('the key', () => {
  it.each([
    ['is a string in UTF-8', 'string', Buffer.from('schlüssel'), 'schlüssel'],
    ['that is not UTF-8 has U+FFFD in its place', 'string', Buffer.from([0x61, 0xff, 0x62]), 'a\ufffdb'],
    ['with control characters has U+FFFD in their place', 'string', Buffer.from('a\r\nb\0'), 'a\ufffd\ufffdb\ufffd'],
    ['is an int of 4 bytes', 'int', int(-7), '-7'],
    ['that should be an int and has other than 4 bytes is a string', 'int', Buffer.from('12345'), '12345'],
    ['is a float of 4 bytes, in the shortest form', 'float', float(0.1), '0.1'],
    ['is a float of 4 bytes, whole', 'float', float(16_777_216), '16777216'],
    ['is a float of 8 bytes', 'float', double(1.000000000000001), '1.000000000000001'],
    ['is a float that is no number', 'float', float(NaN), 'NaN'],
    ['that should be a float and has other than 4 or 8 bytes is a string', 'float', Buffer.from('12345'), '12345'],
    ['of bytes is Base64', 'byte-array', Buffer.from([0, 255, 1]), 'AP8B'],
  ] as const)('%s', (_, keyType, key, text) => {
    expect(attributes({ key }, keyType)).toMatchObject({ key: text, partitionkey: text })
  })

  it.each([
    ['is null', null],
    ['is empty', Buffer.alloc(0)],
  ])('that %s is left out', (_, key) => {
    for (const keyType of ['string', 'int', 'float', 'byte-array'] as const) {
      expect(Object.keys(attributes({ key }, keyType))).not.toContain('key')
      expect(Object.keys(attributes({ key }, keyType))).not.toContain('partitionkey')
    }
  })

  it('that is too long to be sent is left out, and counted', () =>
    expect(added({ key: Buffer.alloc(maxForeignBytes / 2 + 1, 'k') })).toEqual({ kafkaomitted: '1' }))
})

describe('headers', () => {
  it.each([
    ['that repeat: the last counts', headers(['a', '1'], ['a', '2']), { kafkaheadera: '2' }],
    [
      'that are the same without special characters: the last counts',
      headers(['X-A', '1'], ['x_a', '2'], ['XA', '3']),
      { kafkaheaderxa: '3' },
    ],
    [
      'without a value are left out, and do not hide an earlier one',
      headers(['a', '1'], ['a', null]),
      { kafkaheadera: '1' },
    ],
    ['with an empty value are empty', headers(['a', '']), { kafkaheadera: '' }],
    ['of special characters only are left out', headers(['--', '1'], ['', '2'], ['ü', '3']), {}],
    [
      'that are not UTF-8 have U+FFFD in the place',
      headers(['a', Buffer.from([0xc3, 0x28])]),
      { kafkaheadera: '\ufffd(' },
    ],
    [
      'with control characters have U+FFFD in their place',
      headers(['a', 'x\r\ny: z\t']),
      { kafkaheadera: 'x\ufffd\ufffdy: z\ufffd' },
    ],
    ['in capitals and digits keep those', headers(['B3-TraceID', 'x']), { kafkaheaderb3traceid: 'x' }],
    ['of a CloudEvent that is not whole are headers like others', headers(['ce_id', '7']), { kafkaheaderceid: '7' }],
    [
      'content-type is the type of the data',
      headers(['Content-Type', 'Text/Plain; x=Y']),
      { datacontenttype: 'Text/Plain; x=Y' },
    ],
    ['content-type that is none', headers(['content-type', 'plain\n']), { kafkaheadercontenttype: 'plain\ufffd' }],
    [
      'content-type of an event, which the record is not',
      headers(['content-type', 'application/cloudevents+json']),
      { kafkaheadercontenttype: 'application/cloudevents+json' },
    ],
    [
      'with a name that is too long are left out, and counted',
      headers(['n'.repeat(maxForeignName), '1']),
      { kafkaomitted: '1' },
    ],
    [
      'that are too large to be sent are left out, and counted; those that fit stay',
      headers(['a', 'x'.repeat(1_000_000)], ['b', '1'], ['c', 'ü'.repeat(maxForeignBytes / 6)]),
      { kafkaheaderb: '1', kafkaomitted: '2' },
    ],
  ])('%s', (_, change, expected) => {
    expect(added(change)).toEqual(expected)
  })

  it('of a trace are carried on as that too', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const event = fromForeign(record(headers(['traceparent', traceparent], ['tracestate', 'a=b'])), at, conversion)
    expect(event?.trace).toEqual({ traceparent, tracestate: 'a=b' })
    expect(event?.attributes.get('kafkaheadertraceparent')).toBe(traceparent)
  })
})

describe('a value', () => {
  it('that is null is no data', () => expect(fromForeign(record({ value: null }), at, conversion)?.data).toBeNull())
  it('that is null is left out where tombstones are skipped', () =>
    expect(fromForeign(record({ value: null }), at, { ...conversion, tombstones: 'skip' })).toBeNull())
  it('that is empty is no tombstone', () => {
    const value = Buffer.alloc(0)
    expect(fromForeign(record({ value }), at, { ...conversion, tombstones: 'skip' })?.data).toBe(value)
  })
})

it.each([
  ['of the beginning', 0, '1970-01-01T00:00:00.000Z'],
  ['that Kafka does not know', -1, undefined],
  ['before 1970', -86_400_000, undefined],
  ['of the last year with four digits', 253_402_300_799_999, '9999-12-31T23:59:59.999Z'],
  ['beyond what RFC 3339 can say', 253_402_300_800_000, undefined],
  ['beyond what a date can be', Number.MAX_SAFE_INTEGER, undefined],
])('a time %s', (_, timestamp, expected) => expect(attributes({ timestamp })['time']).toBe(expected))

test('whatever a record holds, it becomes an event that any receiver of CloudEvents takes', () => {
  let seed = 7
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  const bytes = (most: number): Buffer => Buffer.from(Array.from({ length: random(most) }, () => random(256)))
  for (let i = 0; i < 2000; i++) {
    const list = Array.from({ length: random(6) }, (): Header => [
      bytes(9).toString(),
      random(5) === 0 ? null : bytes(40),
    ])
    const keyType = (['string', 'int', 'float', 'byte-array'] as const)[random(4)] ?? 'string'
    const timestamp = (random(3) - 1) * random(2_000_000_000) * 1000
    const event = fromForeign(record({ key: bytes(10), value: bytes(20), timestamp, headers: list }), at, {
      ...conversion,
      keyType,
    })
    if (event === null) throw new Error('it was left out')
    expect(checkAttributes(event.attributes)).toBeNull()
    for (const [name, value] of event.attributes) {
      expect(checkName(name)).toBeNull()
      expect(isAllowedText(value)).toBe(true)
    }
    const sent = writeHeaders(event, [], [])
    for (let n = 0; n < sent.length; n += 2) {
      const name = sent[n] ?? ''
      if (name.startsWith('ce-')) expect(decodeHeaderValue(sent[n + 1] ?? '')).toBe(event.attributes.get(name.slice(3)))
    }
  }
})
