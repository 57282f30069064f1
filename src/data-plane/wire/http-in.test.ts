import { describe, expect, it } from 'vitest'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { readEvent } from './http-in.ts'
import { Refusal } from './refusal.ts'

const required: Record<string, string> = {
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/shop',
  'ce-type': 'order',
}
const binary = (more: Record<string, string> = {}, body = ''): CloudEvent | Refusal =>
  readEvent(Object.entries({ ...required, ...more }).flat(), Buffer.from(body))
const json = (body: unknown, type = 'application/cloudevents+json'): CloudEvent | Refusal =>
  readEvent(['content-type', type], Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const event = { specversion: '1.0', id: '1', source: '/shop', type: 'order' }
const attribute = (read: CloudEvent | Refusal, name: string): string | undefined =>
  read instanceof Refusal ? `refused: ${read.detail}` : read.attributes.get(name)
const refusal = (read: CloudEvent | Refusal): Partial<Refusal> =>
  read instanceof Refusal ? { status: read.status, code: read.code, attribute: read.attribute ?? '' } : {}

describe('values of headers', () => {
  it.each([
    ['percent escapes, both cases', 'Euro%20%E2%82%ac%20%F0%9F%98%80', 'Euro € 😀'],
    ['escapes of what needs none', '%41b', 'Ab'],
    ['only one round of decoding', '%2541', '%41'],
    ['raw spaces of older senders', 'a b', 'a b'],
    ['a quoted string', '"a \\"b\\" c"', 'a "b" c'],
    ['a quoted string with an escape in it', '"a%20b"', 'a b'],
    ['quotes inside', 'a "b" c', 'a "b" c'],
    ['raw UTF-8 as parsers show it', Buffer.from('grün').toString('latin1'), 'grün'],
  ])('takes %s', (_what, raw, value) => expect(attribute(binary({ 'ce-subject': raw }), 'subject')).toBe(value))

  it.each([
    ['a broken escape', '100%'],
    ['an escape that is not hexadecimal', '%zz'],
    ['an overlong encoding', '%C0%A0'],
    ['bytes that are not UTF-8', '\xff'],
    ['an escaped surrogate', '%ED%A0%80'],
    ['an escaped control character', 'a%00b'],
    ['a noncharacter', '%EF%BF%BF'],
    ['a tab', 'a\tb'],
  ])('refuses %s and names the attribute', (_what, raw) =>
    expect(refusal(binary({ 'ce-subject': raw }))).toEqual({
      status: 400,
      code: 'InvalidAttribute',
      attribute: 'subject',
    }),
  )
})

describe('attributes', () => {
  it.each(['id', 'source', 'type', 'specversion'])('%s must be there and not be empty', (name) => {
    const expected = { status: 400, code: 'MissingAttribute', attribute: name }
    expect(refusal(binary({ [`ce-${name}`]: '' }))).toEqual(expected)
    expect(refusal(json({ ...event, [name]: undefined }))).toEqual(expected)
    expect(refusal(json({ ...event, [name]: null }))).toEqual(expected)
  })

  it.each([
    ['specversion', '2.0'],
    ['source', 'has space'],
    ['source', 'a%zz'],
    ['source', '1a:b'],
    ['source', 'http://[::1'],
    ['source', '/ä'],
    ['time', 'yesterday'],
    ['time', '2026-02-30T00:00:00Z'],
    ['time', '2026-02-01T00:00:00'],
    ['time', '2026-02-01 00:00:00Z'],
    ['dataschema', '/relative'],
    ['subject', ''],
    ['my_ext', 'x'],
    ['MyExt', 'x'],
    ['data', 'x'],
    ['', 'x'],
  ])('%s = %j is refused in both modes', (name, value) => {
    expect(refusal(json({ ...event, [name]: value }))).toMatchObject(
      name === 'data' ? {} : { code: 'InvalidAttribute', attribute: name },
    )
    if (name !== 'MyExt')
      expect(refusal(binary({ [`ce-${name}`]: encodeURIComponent(value) }))).toMatchObject({ code: 'InvalidAttribute' })
  })

  it.each(['2026-02-28T23:59:60.123456789+05:30', '2024-02-29t00:00:00z'])('time %s is kept as sent', (time) =>
    expect(attribute(binary({ 'ce-time': time }), 'time')).toBe(time),
  )

  it('keeps version 0.3', () => expect(attribute(binary({ 'ce-specversion': '0.3' }), 'specversion')).toBe('0.3'))
  it('has names in lower case, however the headers are spelt', () =>
    expect(attribute(binary({ 'CE-MyExt': 'x' }), 'myext')).toBe('x'))
  it('refuses a header that is there twice', () =>
    expect(refusal(readEvent([...Object.entries(required).flat(), 'Ce-Id', '2'], Buffer.alloc(0)))).toMatchObject({
      code: 'InvalidHeader',
      attribute: 'id',
    }))
  it('refuses ce-datacontenttype', () =>
    expect(refusal(binary({ 'ce-datacontenttype': 'text/plain' }))).toMatchObject({
      status: 400,
      attribute: 'datacontenttype',
    }))
  it('takes Content-Type as datacontenttype and the body as it is', () => {
    const read = binary({ 'Content-Type': 'application/json; charset=utf-8' }, '{"n": 1.0}')
    expect(attribute(read, 'datacontenttype')).toBe('application/json; charset=utf-8')
    expect(read).toMatchObject({ data: Buffer.from('{"n": 1.0}') })
  })
})

describe('trace context', () => {
  const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  it('is kept', () =>
    expect(binary({ traceparent: parent, tracestate: 'a=1' })).toMatchObject({
      trace: { traceparent: parent, tracestate: 'a=1' },
    }))
  it('is kept in structured mode', () =>
    expect(
      readEvent(
        ['content-type', 'application/cloudevents+json', 'traceparent', parent],
        Buffer.from(JSON.stringify(event)),
      ),
    ).toMatchObject({ trace: { traceparent: parent } }))
  it.each([
    ['malformed', 'nonsense'],
    ['of no trace', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['of no span', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['of a version that is forbidden', parent.replace('00', 'ff')],
    ['longer than its version allows', `${parent}-more`],
  ])('is dropped when it is %s, and the event is taken', (_, traceparent) => {
    const read = binary({ traceparent, tracestate: 'a=1' })
    expect(read).toHaveProperty('attributes')
    expect(read).not.toHaveProperty('trace')
  })
  it('of a version to come is kept, whatever it adds', () => {
    const later = `${parent.replace('00', '01')}-more`
    expect(binary({ traceparent: later })).toMatchObject({ trace: { traceparent: later } })
  })
})

describe('structured mode', () => {
  it.each([
    ['a boolean', true, 'true'],
    ['an integer', -42, '-42'],
    ['the smallest integer', -2147483648, '-2147483648'],
    ['text', 'ä b', 'ä b'],
    ['null as unset', null, undefined],
  ])('takes %s as an extension in its canonical form', (_what, value, text) =>
    expect(attribute(json({ ...event, ext: value }), 'ext')).toBe(text),
  )
  it.each([['1.5'], ['1.0'], ['1e3'], ['2147483648'], ['{}'], ['[]'], ['"\\ud800"'], ['"a\\nb"']])(
    'refuses the extension %s',
    (literal) =>
      expect(refusal(json(`${JSON.stringify(event).slice(0, -1)},"ext":${literal}}`))).toMatchObject({
        code: 'InvalidAttribute',
        attribute: 'ext',
      }),
  )
  it('refuses a required attribute that is no string', () =>
    expect(refusal(json({ ...event, id: 5 }))).toMatchObject({ code: 'InvalidAttribute', attribute: 'id' }))
  it('refuses a member that is there twice', () =>
    expect(refusal(json(`${JSON.stringify(event).slice(0, -1)},"\\u0069d":"2"}`))).toMatchObject({
      code: 'InvalidAttribute',
      attribute: 'id',
    }))

  it.each([
    ['numbers keep their digits', { data: '[12345678901234567890,1.0]' }, '[12345678901234567890,1.0]'],
    ['null is a payload', { data: 'null' }, 'null'],
    ['a JSON string keeps its quotes', { data: '"text"', datacontenttype: '"application/vnd.x+json"' }, '"text"'],
    ['a string of another type is the text', { data: '"<a/>"', datacontenttype: '"application/xml"' }, '<a/>'],
    ['Base64 becomes bytes', { data_base64: '"AAEC"' }, '\0\u0001\u0002'],
    [
      '0.3 Base64 becomes bytes',
      { specversion: '"0.3"', datacontentencoding: '"base64"', data: '"AAEC"' },
      '\0\u0001\u0002',
    ],
  ])('data: %s', (_what, members, bytes) => {
    const all = {
      ...Object.fromEntries(Object.entries(event).map(([name, value]) => [name, JSON.stringify(value)])),
      ...members,
    }
    const read = json(
      `{${Object.entries(all)
        .map(([name, literal]) => `"${name}":${literal}`)
        .join(',')}}`,
    )
    expect(read instanceof Refusal ? read.detail : read.data?.toString()).toBe(bytes)
    expect(attribute(read, 'datacontentencoding')).toBeUndefined()
  })

  it.each([
    ['both data and data_base64', { data: 1, data_base64: 'AA==' }],
    ['data_base64 that is not Base64', { data_base64: 'A-_=' }],
    ['an object of a type that is not JSON', { datacontenttype: 'text/plain', data: {} }],
  ])('refuses %s', (_what, members) =>
    expect(refusal(json({ ...event, ...members }))).toMatchObject({ status: 400, code: 'InvalidData' }),
  )

  it.each([
    ['an empty body', '', 'InvalidJson'],
    ['half a body', '{"id":', 'InvalidJson'],
    ['a body that is nested without end', '['.repeat(500_000), 'InvalidJson'],
    ['an array', '[]', 'NotACloudEvent'],
    ['a string', '"x"', 'NotACloudEvent'],
    ['plain JSON', '{"order":5}', 'NotACloudEvent'],
  ])('refuses %s', (_what, body, code) => expect(refusal(json(body))).toMatchObject({ status: 400, code }))
  it('takes attributes up to the size that a head may have, and refuses more, naming the largest', () => {
    expect(attribute(json({ ...event, ext: 'x'.repeat(16_000) }), 'ext')).toHaveLength(16_000)
    for (const value of ['x'.repeat(16_400), 'ä'.repeat(8_200)]) {
      const refused = refusal(json({ ...event, ext: value, data: 'x'.repeat(50_000) }))
      expect(refused).toMatchObject({ status: 400, code: 'InvalidAttribute', attribute: 'ext' })
    }
  })
  it('refuses what is not UTF-8', () =>
    expect(
      refusal(readEvent(['content-type', 'application/cloudevents+json'], Buffer.from([0x7b, 0xff, 0x7d]))),
    ).toMatchObject({ code: 'InvalidJson' }))
  it('tells who sends plain JSON as an event what to do instead', () =>
    expect(json('{"order":5}')).toMatchObject({
      detail: expect.stringMatching(/"order".*Content-Type: application\/json.*ce-id/s) as string,
    }))
})

describe('media types', () => {
  it.each([
    'application/cloudevents-batch+json',
    'application/cloudevents+xml',
    'application/cloudevents',
    'application/cloudevents+json; charset=latin1',
  ])('%s is refused with 415', (type) =>
    expect(refusal(json([], type))).toMatchObject({ status: 415, code: 'UnsupportedMediaType' }),
  )
  it.each(['Application/CloudEvents+JSON', 'application/cloudevents+json; charset="UTF-8"'])(
    '%s is structured mode',
    (type) => expect(attribute(json(event, type), 'id')).toBe('1'),
  )
  it('refuses an encoded body', () =>
    expect(refusal(binary({ 'content-encoding': 'gzip' }))).toMatchObject({ status: 415 }))
  it('refuses a Content-Type that is no media type', () =>
    expect(refusal(binary({ 'content-type': 'json' }))).toMatchObject({ attribute: 'datacontenttype' }))
  it('tells who sends plain JSON what is missing', () =>
    expect(json('{"order":5}', 'application/json')).toMatchObject({
      code: 'NotACloudEvent',
      detail: expect.stringMatching(/ce-specversion.*ce-id.*ce-source.*ce-type/) as string,
    }))
})
