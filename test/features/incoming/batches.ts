import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uniqueName } from '../../support/kafka.ts'
import { bigInt, patient } from './requests.ts'
import { openMill, type Answered, type Mill, type OpenLog } from '../delivery-rules-rig.ts'

const partitions = 2
const topicLimit = 100_000
const batched = { 'content-type': 'application/cloudevents-batch+json' }
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

/** The rules of batches, and of requests that bring no event. @param log where events are kept. */
export function batchRules(log: () => Promise<OpenLog>): void {
  let mill: Mill
  beforeAll(async () => {
    const config = { 'max.message.bytes': String(topicLimit) }
    const ingress = { maxEventBytes: 200_000, maxBatchBytes: 400_000 }
    mill = await openMill(log, { partitions, config, ingress, outlet: patient })
  })
  afterAll(() => mill[Symbol.asyncDispose]())

  const newId = (): string => uniqueName('e')
  const json = (id: string, more: object = {}): object => ({
    ...{ specversion: '1.0', id, source: '/shop', type: 'order' },
    ...more,
  })
  const batch = (...events: readonly unknown[]): Promise<Answered> =>
    mill.send({ headers: batched, body: JSON.stringify(events) })
  const arrived = (...ids: readonly string[]): Promise<readonly unknown[]> =>
    Promise.all(ids.map((id) => mill.delivered(id)))

  describe('a batch', () => {
    test('is stored as its events, each unchanged, in their order within a partition, with the trace of the request', async () => {
      const ids = Array.from({ length: 50 }, newId)
      const events = ids.map((id, n) =>
        json(id, { partitionkey: 'one', data: { n }, ...(n === 3 ? { ext: true } : {}) }),
      )
      const answer = await mill.send({ headers: { ...batched, traceparent }, body: JSON.stringify(events) })
      expect([answer.status, answer.body]).toEqual([202, ''])
      await arrived(...ids)
      const got = mill.subscriber.got.filter(({ id }) => ids.includes(id))
      expect(new Set(got.map(({ partition }) => partition)).size).toBe(1)
      const inOrder = got.toSorted((a, b) => a.offset - b.offset)
      expect(inOrder.map(({ id }) => id)).toEqual(ids)
      expect(inOrder.map(({ body: data }) => data.toString())).toEqual(ids.map((_, n) => `{"n":${n}}`))
      expect(inOrder[3]?.headers).toMatchObject({ 'ce-ext': 'true', 'content-type': 'application/json', traceparent })
    })

    test('may be empty', async () => expect((await batch()).status).toBe(202))

    test('may hold versions 0.3 and 1.0, text, bytes and exact numbers', async () => {
      const [old, text, bytes, exact] = [newId(), newId(), newId(), newId()]
      const number = JSON.stringify(json(exact, { data: 0 })).replace('"data":0', `"data":${bigInt}`)
      const others = [
        json(old, { specversion: '0.3', schemaurl: '/s', datacontentencoding: 'base64', data: 'AAEC' }),
        json(text, { datacontenttype: 'text/plain', data: 'grün' }),
        json(bytes, { data_base64: '/w==' }),
      ]
      const body = `[${others.map((one) => JSON.stringify(one)).join(' ,\n')}, ${number} ]`
      expect((await mill.send({ headers: batched, body })).status).toBe(202)
      expect((await mill.delivered(old)).headers).toMatchObject({ 'ce-specversion': '0.3', 'ce-schemaurl': '/s' })
      const data = async (id: string): Promise<string> => (await mill.delivered(id)).body.toString('hex')
      const hex = (value: string): string => Buffer.from(value).toString('hex')
      expect(await Promise.all([old, text, bytes, exact].map(data))).toEqual(['000102', hex('grün'), 'ff', hex(bigInt)])
    })

    test('is refused as a whole when one event is not valid: the answer names the event and the attribute', async () => {
      const ids = [newId(), newId(), newId()] as const
      const answer = await batch(json(ids[0]), json(ids[1]), json(ids[2], { time: 'yesterday' }))
      expect(answer.problem).toMatchObject({ status: 400, code: 'InvalidAttribute', index: 2, attribute: 'time' })
      expect(answer.problem['detail']).toMatch(/^Event 2 of the batch.*RFC 3339/)
      await mill.deliversNone(ids)
    })

    test.each([
      ['holds what is no object', '[{"specversion":"1.0","id":"1","source":"/s","type":"t"},7]', 400, { index: 1 }],
      ['is no array', '{"specversion":"1.0","id":"1","source":"/s","type":"t"}', 400, { code: 'NotACloudEvent' }],
      ['is cut short', '[{"specversion":"1.0"', 400, { code: 'InvalidJson' }],
      ['is empty text', '', 400, { code: 'InvalidJson' }],
      ['has more events than may be', `[${Array(5_001).fill('{}').join(',')}]`, 413, { code: 'TooManyEvents' }],
      ['has more bytes than may be', `[${' '.repeat(400_000)}]`, 413, { code: 'BatchTooLarge', limit: 400_000 }],
      [
        'has one event with more data than may be',
        `[{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"${'x'.repeat(200_001)}"}]`,
        413,
        { code: 'EventTooLarge', index: 0, limit: 200_000 },
      ],
      [
        'has an event that may pass no more Brokers',
        '[{"specversion":"1.0","id":"1","source":"/s","type":"t","knativebrokerttl":1}]',
        400,
        { code: 'LoopDetected', index: 0, attribute: 'knativebrokerttl' },
      ],
    ])('that %s is refused', async (_, body, status, problem) => {
      const answer = await mill.send({ headers: batched, body })
      expect(answer.status).toBe(status)
      expect(answer.problem).toMatchObject(problem)
    })

    test('may be larger than one record of the topic: each of its events counts alone', async () => {
      const ids = [newId(), newId(), newId()]
      expect((await batch(...ids.map((id) => json(id, { data: 'x'.repeat(90_000) })))).status).toBe(202)
      await arrived(...ids)
    })

    test('with one event that is too large for the topic says 413, which one, and what is stored', async () => {
      const ids = [newId(), newId(), newId()]
      const size = [10, topicLimit + 1, 10]
      const answer = await batch(...ids.map((id, n) => json(id, { data: 'x'.repeat(size[n] ?? 0) })))
      expect(answer.problem).toMatchObject({
        ...{ status: 413, code: 'EventTooLarge', limit: topicLimit },
        ...{ index: 1, stored: 2, unconfirmed: [1] },
      })
      expect(answer.problem['detail']).toMatch(/sending the whole batch again may repeat events/)
      await arrived(ids[0] ?? '', ids[2] ?? '')
    })
  })
}
