import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { CloudEvent, HTTP, type Message } from 'cloudevents'
import type { EventSpec } from '../cases.ts'

/**
 * The CloudEvents SDK for JavaScript as its documentation shows it.
 *
 *     serve      prints `listening URL`, then each event read as one line; a request to /answer/MODE is answered with the event in its data
 *     send URL   sends what each line of standard input tells, and prints what came of it
 */

function make({ attributes, data }: EventSpec): CloudEvent<unknown> {
  return new CloudEvent({ ...attributes, ...(data === null ? {} : { data: dataOf(data) }) })
}

function dataOf(data: NonNullable<EventSpec['data']>): unknown {
  if ('json' in data) return JSON.parse(data.json)
  return 'text' in data ? data.text : Buffer.from(data.base64, 'base64')
}

function write(mode: string, events: readonly CloudEvent<unknown>[]): Message {
  // the SDK reads batches and writes none, but its events know how to become JSON
  if (mode === 'batch') {
    return { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(events) }
  }
  return mode === 'binary' ? HTTP.binary(events[0]!) : HTTP.structured(events[0]!)
}

function report(path: string, event: CloudEvent<unknown>): string {
  const { data, data_base64, ...attributes } = event
  const known = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return JSON.stringify({
    path,
    attributes: Object.fromEntries(known.map(([name, value]) => [name, String(value)])),
    data: bytesOf(data, data_base64)?.toString('base64') ?? null,
  })
}

function bytesOf(data: unknown, inBase64: string | undefined): Buffer | null {
  if (inBase64 !== undefined) return inBase64 === '' ? null : Buffer.from(inBase64, 'base64')
  if (data === undefined || data === '') return null
  return Buffer.from(typeof data === 'string' ? data : JSON.stringify(data))
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url: path = '/', headers } = request
  const body = await buffer(request)
  const isText = /^text\/|json/.test(headers['content-type'] ?? '')
  const event = HTTP.toEvent<unknown>({ headers, body: isText ? body.toString() : body }) as CloudEvent<unknown>
  console.log(report(path, event))
  if (!path.startsWith('/answer/')) return void response.writeHead(204).end()
  const answer = write(path.slice('/answer/'.length), [make(event.data as EventSpec)])
  response.writeHead(200, answer.headers as Record<string, string>).end(answer.body)
}

function serve(): void {
  const server = createServer((request, response) => {
    receive(request, response).catch((error: unknown) => {
      console.log(JSON.stringify({ path: request.url, error: String(error) }))
      response.writeHead(400).end()
    })
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`listening http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
}

async function send(url: string): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { mode, events } = JSON.parse(line) as { mode: string; events: EventSpec[] }
    try {
      const { headers, body } = write(mode, events.map(make))
      const answer = await fetch(url, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: body as string,
      })
      console.log(JSON.stringify({ status: answer.status, body: await answer.text() }))
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }))
    }
  }
}

if (process.argv[2] === 'serve') serve()
else await send(process.argv[3]!)
