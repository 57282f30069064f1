import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { isAllowedText } from './header-value.ts'
import { Refusal } from './refusal.ts'
import { readStructured } from './structured.ts'
import { writeStructured } from './structured-out.ts'

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((one) => isAllowedText(one) && one.isWellFormed())
const bytes = fc.uint8Array({ maxLength: 60 }).map((one) => Buffer.from(one))
const utf8 = fc.string({ unit: 'binary', maxLength: 40 }).map((one) => Buffer.from(one))
const json = fc.json().map((one) => Buffer.from(one))
const type = fc.constantFrom(
  'application/json',
  'text/plain',
  'application/x+json; a=b',
  'image/png',
  'application/xml',
)

const event: fc.Arbitrary<CloudEvent> = fc
  .record({
    version: fc.constantFrom('1.0', '0.3'),
    id: text.filter((one) => one !== ''),
    extensions: fc.dictionary(fc.stringMatching(/^x[a-z0-9]{0,9}$/), text, { maxKeys: 4 }),
    type: fc.option(type, { nil: undefined }),
    data: fc.option(fc.oneof(bytes, utf8, json), { nil: null }),
  })
  .map(({ version, id, extensions, type: contentType, data }) => ({
    attributes: new Map([
      ...[['specversion', version] as const, ['id', id] as const, ['source', '/s'] as const, ['type', 't'] as const],
      ...Object.entries(extensions),
      // without a type a reader of 0.3 takes data for JSON, so what it reads has one
      ...(contentType === undefined ? [] : [['datacontenttype', contentType] as const]),
    ]),
    data: data?.length === 0 ? null : data,
  }))

test('any event, written in structured mode and read again, is the same: attributes, and data byte for byte', () => {
  fc.assert(
    fc.property(event, (one) => {
      const read = readStructured(writeStructured(one, []))
      if (read instanceof Refusal) throw new Error(read.detail)
      expect(new Map(read.attributes)).toEqual(new Map(one.attributes))
      expect(read.data?.toString('hex')).toBe(one.data?.toString('hex'))
    }),
    { numRuns: 500 },
  )
})

test('attributes that are added replace those of the event', () => {
  const attributes = new Map(Object.entries({ specversion: '1.0', id: '1', source: '/', type: 't', a: 'old' }))
  const written = String(writeStructured({ attributes, data: null }, ['a', 'new', 'b', 'x"y']))
  expect(written).toBe('{"specversion":"1.0","id":"1","source":"/","type":"t","a":"new","b":"x\\"y"}')
})
