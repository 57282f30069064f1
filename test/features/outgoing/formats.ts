import { expect, test } from 'vitest'
import { answer } from '../dispatcher-rig.ts'
import type { OutgoingScene, Play } from './scene.ts'

const json = { format: 'json' } as const
const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1' }
const bytes = Buffer.from([0, 255, 254, 10, 13])

interface Row {
  readonly rule: string
  readonly headers: Readonly<Record<string, string>>
  readonly data: string | Buffer
  /** How the body ends: after the attributes. */
  readonly tail: string
}

const data: readonly Row[] = [
  {
    rule: 'JSON data is embedded byte for byte',
    headers: { 'content-type': 'application/json' },
    data: '{ "n" : 1.0, "big":12345678901234567890, "twice":1, "twice":2,\n"é":"\\u00e9" }',
    tail: '"data":{ "n" : 1.0, "big":12345678901234567890, "twice":1, "twice":2,\n"é":"\\u00e9" }}',
  },
  {
    rule: 'data of a type that ends in +json is embedded too',
    headers: { 'content-type': 'application/vnd.shop+json; charset=utf-8' },
    data: 'null',
    tail: '"data":null}',
  },
  {
    rule: 'text is a JSON string',
    headers: { 'content-type': 'text/plain' },
    data: 'say "é"\n',
    tail: '"data":"say \\"é\\"\\n"}',
  },
  {
    rule: 'XML is a JSON string',
    headers: { 'content-type': 'application/soap+xml' },
    data: '<a/>',
    tail: '"data":"<a/>"}',
  },
  {
    rule: 'what says it is JSON and is none is data_base64',
    headers: { 'content-type': 'application/json' },
    data: '{"a":',
    tail: `"data_base64":"${Buffer.from('{"a":').toString('base64')}"}`,
  },
  {
    rule: 'text that is not UTF-8 is data_base64',
    headers: { 'content-type': 'text/plain' },
    data: bytes,
    tail: `"data_base64":"${bytes.toString('base64')}"}`,
  },
  {
    rule: 'text of another charset is data_base64',
    headers: { 'content-type': 'text/plain; charset=iso-8859-1' },
    data: 'x',
    tail: '"data_base64":"eA=="}',
  },
  {
    rule: 'binary data is data_base64',
    headers: { 'content-type': 'application/octet-stream' },
    data: bytes,
    tail: `"data_base64":"${bytes.toString('base64')}"}`,
  },
  { rule: 'data without a type is data_base64', headers: {}, data: '{}', tail: '"data_base64":"e30="}' },
  { rule: 'no data is no member', headers: {}, data: '', tail: '"knativekafkaoffset":"' },
  {
    rule: 'version 0.3 has its own way to say Base64',
    headers: { 'ce-specversion': '0.3', 'content-type': 'image/png' },
    data: bytes,
    tail: `"datacontentencoding":"base64","data":"${bytes.toString('base64')}"}`,
  },
  {
    rule: 'JSON data of version 0.3 is embedded',
    headers: { 'ce-specversion': '0.3', 'content-type': 'application/json' },
    data: '{"n":1.0}',
    tail: '"data":{"n":1.0}}',
  },
]

/** How events are written into requests. */
export function formatRules(scene: () => OutgoingScene): void {
  test('in binary mode attributes are headers, the data is the body, and the place in the log is told', async () => {
    const { tries } = await scene().play({
      event: {
        headers: { 'content-type': 'application/json', 'ce-region': '%C3%A9%20b', ...trace },
        body: '{"n":1.0}',
      },
    })
    expect(tries[0]?.body.toString()).toBe('{"n":1.0}')
    expect(tries[0]?.headers).toMatchObject({
      ...{ 'content-type': 'application/json', 'ce-region': '%C3%A9%20b', 'ce-knativekafkapartition': '0', ...trace },
      'ce-knativekafkaoffset': expect.stringMatching(/^\d+$/) as string,
    })
  })

  test.each([['binary'], ['json']] as const)(
    'each request of format %s says Prefer: reply and Kn-Namespace, that of the dead letter too',
    async (format) => {
      const { tries, dead } = await scene().play({
        delivery: { format },
        answers: [answer(400)],
        deadLetter: [answer(200)],
      })
      for (const got of [...tries, ...dead])
        expect(got.headers).toMatchObject({ prefer: 'reply', 'kn-namespace': 'shop' })
      expect([tries.length, dead.length]).toEqual([1, 1])
    },
  )

  test('with format json all attributes are JSON strings in the body, and none is a header', async () => {
    const play: Play = {
      delivery: json,
      event: { headers: { 'content-type': 'text/plain', 'ce-count': '7', 'ce-region': '%C3%A9', ...trace }, body: 'x' },
    }
    const { tries } = await scene().play(play)
    const [got] = tries
    expect(got?.headers).toMatchObject({ 'content-type': 'application/cloudevents+json', ...trace })
    expect(Object.keys(got?.headers ?? {}).filter((name) => name.startsWith('ce-'))).toEqual([])
    expect(JSON.parse(String(got?.body))).toMatchObject({
      ...{ specversion: '1.0', source: '/sender', datacontenttype: 'text/plain', count: '7', region: 'é', data: 'x' },
      ...{ knativekafkapartition: '0', knativekafkaoffset: expect.stringMatching(/^\d+$/) as string },
    })
  })

  for (const { rule, headers, data: body, tail } of data)
    test(`with format json ${rule}`, async () => {
      const { tries } = await scene().play({ delivery: json, event: { headers, body } })
      const text = String(tries[0]?.body)
      expect(JSON.parse(text)).toMatchObject({ source: '/sender' })
      if (rule === 'no data is no member') expect(text).not.toContain('"data')
      else expect(text.endsWith(tail)).toBe(true)
    })

  test('with format json a dead letter has its error attributes in the body', async () => {
    const { dead, url } = await scene().play({
      delivery: json,
      answers: [answer(400, {}, 'bad')],
      deadLetter: [answer(200)],
    })
    expect(JSON.parse(String(dead[0]?.body))).toMatchObject({
      ...{ knativeerrordest: url, knativeerrorcode: '400', knativeerrordata: Buffer.from('bad').toString('base64') },
    })
  })
}
