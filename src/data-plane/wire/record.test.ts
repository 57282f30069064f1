import { describe, expect, it } from 'vitest'
import type { Header, LogRecord } from '../../kafka/log.ts'
import { writeHeaders } from './http-out.ts'
import { fromRecord, NotAnEvent, toRecord } from './record.ts'
import { readReply } from './reply.ts'

const required = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 't' }
const record = (headers: Record<string, string | Buffer | null>, value: string | null = null): LogRecord => ({
  offset: 0n,
  timestamp: 0,
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: Object.entries(headers).map(([name, text]): Header => [
    name,
    typeof text === 'string' ? Buffer.from(text) : text,
  ]),
})

describe('a record', () => {
  it('has ce_ headers in UTF-8, content-type, the partition key as key, the data as value', () => {
    const attributes = new Map([
      ['id', 'ä'],
      ['partitionkey', 'k'],
      ['datacontenttype', 'text/plain'],
      ['my', 'x'],
    ])
    const data = Buffer.from('data')
    const trace = { traceparent: 'p', tracestate: 's' }
    const { headers, ...rest } = toRecord({ attributes, data, trace }, 'topic')
    expect(rest).toEqual({ topic: 'topic', key: Buffer.from('k'), value: data })
    expect(Object.fromEntries(headers.map(([name, bytes]) => [name, bytes?.toString()]))).toEqual({
      ce_id: 'ä',
      ce_partitionkey: 'k',
      'content-type': 'text/plain',
      ce_my: 'x',
      traceparent: 'p',
      tracestate: 's',
    })
  })

  it('without data has no value, without partition key no key', () =>
    expect(toRecord({ attributes: new Map(), data: null }, 't')).toEqual({
      topic: 't',
      key: null,
      value: null,
      headers: [],
    }))

  it('in structured mode is read too', () => {
    const json = '{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1.0}}'
    const event = fromRecord(record({ 'content-type': 'application/cloudevents+json' }, json))
    expect(event).toMatchObject({ attributes: expect.any(Map) as Map<string, string>, data: Buffer.from('{"n":1.0}') })
  })

  it.each([
    ['lacks an attribute', record({ ...required, ce_id: '' })],
    ['has a null where an attribute must be', record({ ...required, ce_id: null })],
    ['has no headers', record({}, 'x')],
    ['has a name that no event may have', record({ ...required, ce_My: 'x' })],
    ['has a header that is not UTF-8', record({ ...required, ce_x: Buffer.from([0xff]) })],
    ['has a content-type that cannot be a header', record({ ...required, 'content-type': 'a/b\r\nx: y' })],
    ['is a batch', record({ 'content-type': 'application/cloudevents-batch+json' }, '[]')],
    ['is structured and broken', record({ 'content-type': 'application/cloudevents+json' }, '{')],
    ['is structured and empty', record({ 'content-type': 'application/cloudevents+json' })],
  ])('that %s is not an event', (_what, broken) => {
    const read = fromRecord(broken)
    expect(read).toBeInstanceOf(NotAnEvent)
    expect((read as NotAnEvent).reason).not.toBe('')
  })
})

describe('headers of a delivery', () => {
  it('come after the prepared ones, added attributes replace the own', () => {
    const attributes = new Map([
      ['id', 'a b'],
      ['knativekafkaoffset', '1'],
      ['datacontenttype', 'text/plain'],
    ])
    const added = ['knativekafkapartition', '0', 'knativekafkaoffset', '9']
    expect(writeHeaders({ attributes, data: null }, added, ['prefer', 'reply'])).toEqual([
      ...['prefer', 'reply', 'ce-id', 'a%20b', 'content-type', 'text/plain'],
      ...['ce-knativekafkapartition', '0', 'ce-knativekafkaoffset', '9'],
    ])
  })
})

describe('a reply', () => {
  const ce = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
  const structured = { 'content-type': 'application/cloudevents+json' }
  it.each([
    ['no headers, no body', {}, '', 'none'],
    ['no claim, a body', { 'content-type': 'text/html' }, '<p>', 'plain'],
    ['an event in headers', ce, '', 'events'],
    ['an event in JSON', structured, '{"specversion":"1.0","id":"1","source":"/s","type":"t"}', 'events'],
    ['an event media type without a body', structured, '', 'none'],
    ['an attribute missing', { 'ce-specversion': '1.0' }, 'x', 'malformed'],
    ['an attribute twice', { ...ce, 'ce-type': ['a', 'b'] }, '', 'malformed'],
    ['broken JSON', structured, '{', 'malformed'],
    ['a batch', { 'content-type': 'application/cloudevents-batch+json' }, '[]', 'events'],
    ['a batch that is none', { 'content-type': 'application/cloudevents-batch+json' }, '{}', 'malformed'],
  ])('with %s', (_what, headers, body, kind) => expect(readReply(headers, Buffer.from(body)).kind).toBe(kind))
})
