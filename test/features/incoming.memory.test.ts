import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { inletOn, RoutesFile, startIngress } from '../support/millrace.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic } from '../support/topics.ts'

/** What the ingress holds of requests without an answer, as its reference says. */
const budget = 64 * 1024 * 1024
/** And what it counts for a request beside its body. */
const overhead = 4096
const size = 1_000_000
const held = Math.floor(budget / (size + overhead))
const uploads = 400
/** Above what it takes at rest, MiB: the budget, and what is not collected yet. All uploads together are more. */
const headroom = (3 * budget) / 1024 / 1024
const most = Buffer.alloc(size - 1_000, 120)
const rest = Buffer.alloc(1_000, 120)

/** A sender of a large event that stops shortly before its end. */
class Upload {
  readonly #socket: Socket
  heard = ''

  constructor(url: string, framing: 'length' | 'chunks') {
    const { hostname, port, pathname } = new URL(url)
    this.#socket = connect(Number(port), hostname)
    this.#socket.setEncoding('latin1').on('data', (chunk: string) => (this.heard += chunk))
    this.#socket.on('error', () => undefined)
    const length = framing === 'length' ? `Content-Length: ${size}` : 'Transfer-Encoding: chunked'
    const attributes = 'ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t'
    this.#socket.write(`POST ${pathname} HTTP/1.1\r\nHost: x\r\n${attributes}\r\n${length}\r\n\r\n`)
    if (framing === 'chunks') this.#socket.write(`${most.length.toString(16)}\r\n`)
    this.#socket.write(most)
    if (framing === 'chunks') this.#socket.write('\r\n')
  }

  get status(): string {
    return this.heard.slice(9, 12)
  }

  finish(): void {
    this.#socket.write(rest)
  }

  end(): void {
    this.#socket.destroy()
  }
}

test('many large slow uploads at once: what does not fit is told 429, memory stays bounded, and afterwards all is taken again', async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 2 })
  const { child, url } = await startIngress(new RoutesFile({ inlets: [inletOn(topic)] }), kafka)
  await using ingress = child
  await sendEvents({ url, count: 500 })
  const before = ingress.rssMib()
  const peaks: number[] = []
  for (let round = 0; round < 3; round++) {
    const all = Array.from({ length: uploads }, () => new Upload(url, 'length'))
    const refused = await eventually('those that do not fit are refused', () => {
      const answered = all.filter(({ status }) => status === '429')
      return answered.length === uploads - held && answered
    })
    for (const { heard } of refused) expect(heard).toMatch(/\r\nretry-after: 1\r\n/i)
    // small ones still find room: the rest of the budget is theirs
    expect(await sendEvents({ url, count: 20, callers: 2 })).toBe(0)
    peaks.push(ingress.rssMib())
    const taken = all.filter(({ status }) => status === '')
    expect(taken).toHaveLength(held)
    for (const upload of taken) upload.finish()
    await eventually('those that fitted are stored', () => taken.every(({ status }) => status === '202'))
    for (const upload of all) upload.end()
  }
  for (const peak of peaks) expect(peak).toBeLessThan(before + headroom)
})

test('uploads of unknown length are cut when there is no room for more of them, and give their room back', async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 2 })
  const { child, url } = await startIngress(new RoutesFile({ inlets: [inletOn(topic)] }), kafka)
  await using ingress = child
  await sendEvents({ url, count: 100 })
  const before = ingress.rssMib()
  const all = Array.from({ length: uploads }, () => new Upload(url, 'chunks'))
  await eventually('most are refused', () => all.filter(({ status }) => status === '429').length >= uploads - held)
  expect(ingress.rssMib()).toBeLessThan(before + headroom)
  for (const upload of all) upload.end()
  expect(await eventually('a large event is taken', () => takesLarge(url))).toBe(true)
})

async function takesLarge(url: string): Promise<boolean> {
  const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
  const answer = await fetch(url, { method: 'POST', headers, body: Buffer.alloc(size) })
  return answer.status === 202
}
