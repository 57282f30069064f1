import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Fault } from '../../core/fault.ts'
import { http } from '../../core/node-http.ts'
import type { Appender, Header, LogAdmin } from '../../kafka/log.ts'

/** As large as a record of Kafka is by default, bytes. */
const maxBytes = 1024 * 1024
const keyHeader = 'kafka-key'
const headerPrefix = 'kafka-header-'

/** What may be written into. */
export interface WritableTopics {
  /** Whether a KafkaSource reads it. */
  has(topic: string): boolean
  /** Those that KafkaSources read, for messages. */
  names(): readonly string[]
}

/**
 * Puts records into the embedded log as any Kafka client would into Kafka, for KafkaSources to read: none of those clients can reach it.
 *
 *     POST /<topic>     body → value, Kafka-Key → key, Content-Type and Kafka-Header-<name> → headers
 *     DELETE /<topic>   a record without value (a tombstone) for Kafka-Key
 */
export class Records {
  readonly url: string
  readonly #server: Server

  private constructor(server: Server, host: string) {
    this.#server = server
    this.url = `http://${host}:${(server.address() as AddressInfo).port}`
  }

  /** `port`: any other where this one is taken. @throws the system's error. */
  static async start(parts: {
    host: string
    port: number
    appender: Appender
    admin: LogAdmin
    topics: WritableTopics
  }): Promise<Records> {
    const { host, port, appender, admin, topics } = parts
    const server = http.createServer((request, response) => {
      void answer(request, appender, admin, topics).then(
        ({ status, text }) => reply(response, status, text),
        (error: unknown) => reply(response, error instanceof Fault ? 503 : 500, (error as Error).message),
      )
    })
    for (const each of [port, 0]) {
      try {
        await once(server.listen(each, host), 'listening')
        break
      } catch (error) {
        if (each === 0) throw error
      }
    }
    return new Records(server, host)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

async function answer(
  request: IncomingMessage,
  appender: Appender,
  admin: LogAdmin,
  topics: WritableTopics,
): Promise<{ status: number; text: string }> {
  const topic = decodeURIComponent((request.url ?? '/').slice(1).split('?')[0] ?? '')
  if (request.method !== 'POST' && request.method !== 'DELETE')
    return { status: 405, text: 'POST a record to /<topic>' }
  if (!topics.has(topic)) {
    const names = topics.names().join(', ')
    return { status: 404, text: `no KafkaSource reads topic ${topic}; POST to /<topic>, one of: ${names}` }
  }
  const value = await bodyOf(request)
  if (value === null) return { status: 413, text: `a record has ${maxBytes} bytes at most` }
  await admin.ensureTopic({ name: topic, partitions: 10, replicationFactor: 1, config: {} })
  const key = request.headers[keyHeader]
  const { partition, offset } = await appender.append({
    topic,
    key: typeof key === 'string' ? Buffer.from(key) : null,
    value: request.method === 'DELETE' ? null : value,
    headers: headersOf(request),
  })
  return { status: 200, text: `written: topic ${topic}, partition ${partition}, offset ${offset}` }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) return null
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function headersOf({ headers }: IncomingMessage): Header[] {
  return Object.entries(headers).flatMap(([name, value]): Header[] => {
    const kept = name === 'content-type' ? name : name.startsWith(headerPrefix) ? name.slice(headerPrefix.length) : ''
    return kept === '' || typeof value !== 'string' ? [] : [[kept, Buffer.from(value)]]
  })
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
