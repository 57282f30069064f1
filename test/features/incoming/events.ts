import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEvent } from '../../../src/data-plane/wire/http-in.ts'
import { writeHeaders } from '../../../src/data-plane/wire/http-out.ts'
import { Refusal } from '../../../src/data-plane/wire/refusal.ts'
import { structuredType, writeStructured } from '../../../src/data-plane/wire/structured-out.ts'
import type { CloudEvent } from '../../../src/event/cloud-event.ts'
import { arbitraryEvent, plainEvent } from '../../support/arbitrary-event.ts'
import { uniqueName } from '../../support/kafka.ts'
import { acceptedRows } from './accepted-rows.ts'
import { refusedRows } from './refused-rows.ts'
import { patient, type Headers } from './requests.ts'
import { openMill, type Mill, type OpenLog } from '../delivery-rules-rig.ts'

const partitions = 4
const topicLimit = 100_000
const structured = { 'content-type': 'application/cloudevents+json' }
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
/** What Millrace adds. */
const ours = new Set(['knativekafkapartition', 'knativekafkaoffset', 'knativearrivaltime'])
const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** One row a rule of the protocols on the way in, each through the whole data plane. @param log where events are kept. */
export function ingressRules(log: () => Promise<OpenLog>): void {
  let mill: Mill
  beforeAll(async () => {
    const config = { 'max.message.bytes': String(topicLimit) }
    const ingress = { maxEventBytes: 200_000, maxBatchBytes: 400_000 }
    mill = await openMill(log, { partitions, config, ingress, outlet: patient })
  })
  afterAll(() => mill[Symbol.asyncDispose]())

  const newId = (): string => uniqueName('e')
  const binary = (id: string, more: Headers = {}): Headers => ({
    ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/shop', 'ce-type': 'order' },
    ...more,
  })
  const json = (id: string, more: object = {}): object => ({
    ...{ specversion: '1.0', id, source: '/shop', type: 'order' },
    ...more,
  })
  /** Sends an event under an id of its own and compares what is delivered. */
  const unchanged = async (given: CloudEvent, inJson: boolean): Promise<void> => {
    const id = newId()
    const event = { ...given, attributes: new Map([...given.attributes, ['id', id]]) }
    const traced = event.trace === undefined ? {} : { trace: event.trace }
    const none = { attributes: new Map<string, string>(), data: null, ...traced }
    const sent = inJson
      ? { list: writeHeaders(none, [], ['content-type', structuredType]), body: writeStructured(event, []) }
      : { list: writeHeaders(event, [], []), body: event.data ?? Buffer.alloc(0) }
    const pairs = sent.list.flatMap((name, at) => (at % 2 === 0 ? [[name, sent.list[at + 1] ?? ''] as const] : []))
    const answer = await mill.send({ headers: Object.fromEntries(pairs), body: sent.body })
    expect([answer.status, answer.body]).toEqual([202, ''])
    const got = await mill.delivered(id)
    const read = readEvent(got.rawHeaders, got.body)
    if (read instanceof Refusal) throw new Error(read.detail)
    const attributes = new Map([...read.attributes].filter(([name]) => !ours.has(name)))
    expect(plainEvent({ ...read, attributes })).toEqual(plainEvent(event))
  }

  describe('what is taken', () => {
    test.each(acceptedRows)('$rule', async ({ send, body, headers, without }) => {
      const id = newId()
      const answer = await mill.send(send(id))
      expect([answer.status, answer.body]).toEqual([202, ''])
      const got = await mill.delivered(id)
      expect(got.headers).toMatchObject(headers)
      for (const name of without ?? []) expect(got.headers).not.toHaveProperty(name)
      expect(got.body.toString('latin1')).toBe(body)
    })

    test('any bytes as data come out as they went in', async () => {
      const id = newId()
      const body = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7919) & 0xff))
      await mill.send({ headers: binary(id, { 'content-type': 'application/octet-stream' }), body })
      const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
      expect(digest((await mill.delivered(id)).body)).toBe(digest(body))
    })

    test('any valid event is the same when it comes out, sent in either mode', async () => {
      const sending = fc.record({ event: arbitraryEvent, inJson: fc.boolean() })
      await fc.assert(
        fc.asyncProperty(fc.array(sending, { minLength: 10, maxLength: 30 }), async (all) => {
          await Promise.all(all.map(({ event, inJson }) => unchanged(event, inJson)))
        }),
        { numRuns: 6 },
      )
    })

    test('the event says when it arrived, whatever its sender said of that', async () => {
      const [own, forged] = [newId(), newId()]
      const before = Date.now()
      await mill.send({ headers: binary(own) })
      await mill.send({ headers: binary(forged, { 'ce-knativearrivaltime': '1999-01-01T00:00:00Z' }) })
      for (const id of [own, forged]) {
        const at = String((await mill.delivered(id)).headers['ce-knativearrivaltime'])
        expect(at).toMatch(utc)
        expect(Date.parse(at)).toBeGreaterThanOrEqual(before)
        expect(Date.parse(at)).toBeLessThanOrEqual(Date.now())
      }
    })

    test('an event that counts the Brokers it may pass has one less; one that does not count them begins with none', async () => {
      const [counted, uncounted] = [newId(), newId()]
      await mill.send({ headers: binary(counted, { 'ce-knativebrokerttl': '7' }) })
      await mill.send({ headers: structured, body: JSON.stringify(json(uncounted)) })
      expect((await mill.delivered(counted)).headers['ce-knativebrokerttl']).toBe('6')
      expect((await mill.delivered(uncounted)).headers).not.toHaveProperty('ce-knativebrokerttl')
    })
  })

  describe('the record', () => {
    test('lies in the partition that the Java client chooses for the partition key, with the key, UTF-8 headers and the trace', async () => {
      // org.apache.kafka.common.utils.Utils.murmur2: 21 → -973932308, foobar → -790332482, a-little-bit-long-string → -985981536
      const java = [
        ['21', -973932308],
        ['foobar', -790332482],
        ['a-little-bit-long-string', -985981536],
      ] as const
      for (const [key, hash] of java) {
        const id = newId()
        const headers = binary(id, { 'ce-partitionkey': key, 'ce-subject': 'Z%C3%BCrich', traceparent })
        await mill.send({ headers, body: 'x' })
        const partition = (hash & 0x7fffffff) % partitions
        expect((await mill.delivered(id)).partition).toBe(partition)
        const records = await mill.rig.records(mill.rig.topic, partition)
        const texts = records.map((record) => ({
          key: String(record.key),
          headers: Object.fromEntries(record.headers.map(([name, value]) => [name, String(value)])),
        }))
        const found = texts.find((record) => record.headers['ce_id'] === id)
        expect(found).toMatchObject({
          key,
          headers: { ce_partitionkey: key, ce_subject: 'Zürich', ce_specversion: '1.0', traceparent },
        })
      }
    })

    test('has each header once, also those that Millrace sets in place of the sender', async () => {
      const id = newId()
      const sent = { 'ce-knativearrivaltime': '1999-01-01T00:00:00Z', 'ce-knativebrokerttl': '9' }
      await mill.send({ headers: binary(id, sent), body: 'x' })
      const { partition, offset } = await mill.delivered(id)
      const record = (await mill.rig.records(mill.rig.topic, partition)).find((one) => Number(one.offset) === offset)
      const names = record?.headers.map(([name]) => name) ?? []
      expect(names).toContain('ce_knativearrivaltime')
      expect(names).toHaveLength(new Set(names).size)
    })

    test('of an event without a partition key has no key, and without data no value', async () => {
      const id = newId()
      await mill.send({ headers: binary(id) })
      const { partition, offset } = await mill.delivered(id)
      const record = (await mill.rig.records(mill.rig.topic, partition)).find((one) => Number(one.offset) === offset)
      expect([record?.key, record?.value]).toEqual([null, null])
    })
  })

  describe('what is refused, with an answer that says what to do, and is not stored', () => {
    test.each(refusedRows)('$rule', async ({ send, status, code, attribute, says, headers }) => {
      const id = newId()
      const answer = await mill.send(send(id))
      expect([answer.status, answer.problem['code']]).toEqual([status, code])
      expect(answer.problem).toMatchObject({ status, title: expect.any(String) as string })
      expect(answer.problem['attribute']).toBe(attribute)
      expect(answer.body).toMatch(says)
      expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', ...headers })
      await mill.deliversNone([id])
    })

    test('plain JSON under the media type of an event, with the curl line that works', async () => {
      const answer = await mill.send({ headers: structured, body: '{"msg":"hello"}' })
      expect([answer.status, answer.problem['code']]).toEqual([400, 'NotACloudEvent'])
      expect(answer.problem['detail']).toMatch(/"msg".*Content-Type: application\/json/s)
      const line = String(answer.problem['example'])
      expect(line).toContain(`curl -i '${mill.url}'`)
      // what it says is right: the same headers are taken
      const headers = Object.fromEntries(
        [...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value]),
      )
      expect((await mill.send({ headers: headers as Headers, body: '{"msg":"hello"}' })).status).toBe(202)
    })

    test('an event that is larger than its topic accepts, with the limit of the topic', async () => {
      const answer = await mill.send({ headers: binary(newId()), body: 'x'.repeat(topicLimit + 1) })
      expect([answer.status, answer.problem['code'], answer.problem['limit']]).toEqual([
        413,
        'EventTooLarge',
        topicLimit,
      ])
    })
  })
}
