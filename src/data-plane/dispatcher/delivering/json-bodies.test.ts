import { expect, test } from 'vitest'
import { toRecord } from '../../wire/record.ts'
import { Entry } from '../reading/segment.ts'
import { JsonBodies } from './json-bodies.ts'

function entry(offset: bigint): Entry {
  const attributes = new Map(Object.entries({ specversion: '1.0', id: String(offset), source: '/', type: 't' }))
  const { key, value, headers } = toRecord({ attributes, data: Buffer.from('x') }, 'topic')
  return new Entry({ topic: 'topic', partition: 0 }, { offset, timestamp: 0, key, value, headers })
}

test('an event that many Outlets get one after the other is written once, and the next one anew', () => {
  const bodies = new JsonBodies()
  const [first, second] = [entry(1n), entry(2n)]
  const written = bodies.body(first, ['knativekafkaoffset', '1'])
  expect(bodies.body(first, ['knativekafkaoffset', '1'])).toBe(written)
  expect(String(written)).toContain('"knativekafkaoffset":"1"')
  expect(String(bodies.body(second, ['knativekafkaoffset', '2']))).toContain('"id":"2"')
})
