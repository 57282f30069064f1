import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { arbitraryEvent, plainEvent } from '../../../test/support/arbitrary-event.ts'
import { maxBatchEvents, readBatch } from './batch.ts'
import { Refusal } from './refusal.ts'

const event = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const read = (body: string): ReturnType<typeof readBatch> => readBatch(Buffer.from(body))

describe('a batch in JSON', () => {
  it('is its events, in order, each as it would be alone', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvent, { maxLength: 5 }), fc.constantFrom('', ' ', '\r\n\t'), (events, space) => {
        const texts = events.map(({ attributes, data }) => {
          const json = {
            ...Object.fromEntries(attributes),
            ...(data === null ? {} : { data_base64: data.toString('base64') }),
          }
          return `${space}${JSON.stringify(json)}${space}`
        })
        const batch = read(`${space}[${texts.length === 0 ? space : texts.join(',')}]${space}`)
        if (batch instanceof Refusal) throw new Error(batch.detail)
        expect(batch.map(plainEvent)).toEqual(events.map(({ attributes, data }) => plainEvent({ attributes, data })))
      }),
    )
  })

  it('keeps the exact text of JSON data of each event', () => {
    fc.assert(
      fc.property(fc.array(fc.json({ maxDepth: 3 }), { minLength: 1, maxLength: 4 }), (texts) => {
        const body = texts.map((data) => `${JSON.stringify(event).slice(0, -1)},"data":${data}}`)
        const batch = read(`[${body.join(', ')}]`)
        if (batch instanceof Refusal) throw new Error(batch.detail)
        expect(batch.map(({ data }) => data?.toString())).toEqual(texts)
      }),
    )
  })

  it('is refused as the first of its events that is not valid, which it names', () => {
    const bad = { ...event, time: 'x' }
    expect(read(JSON.stringify([event, bad, {}]))).toMatchObject({
      ...{ code: 'InvalidAttribute', status: 400, index: 1, attribute: 'time' },
      detail: expect.stringMatching(/^Event 1 of the batch, counted from 0: Attribute time/) as string,
    })
  })

  it.each([
    ['one event without [ ]', JSON.stringify(event), 'NotACloudEvent', 400],
    ['a number among the events', `[1]`, 'NotACloudEvent', 400],
    ['null', 'null', 'NotACloudEvent', 400],
    ['an array of arrays', '[[]]', 'NotACloudEvent', 400],
    ['a comma at the end', `[${JSON.stringify(event)},]`, 'InvalidJson', 400],
    ['nothing', '', 'InvalidJson', 400],
    [
      'too many',
      `[${Array(maxBatchEvents + 1)
        .fill('0')
        .join(',')}]`,
      'TooManyEvents',
      413,
    ],
  ])('that is %s is refused', (_, body, code, status) => expect(read(body)).toMatchObject({ code, status }))

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(`[${text}]`)),
        ),
        (bytes) => {
          const batch = readBatch(Buffer.from(bytes))
          if (batch instanceof Refusal) expect([400, 413]).toContain(batch.status)
        },
      ),
    )
  })
})
