import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fieldOf, fieldsOf, messagesOf } from './protobuf-reader.ts'

type Value = string | number | boolean
type Values = Readonly<Record<string, Value>>

/** A span, as it came over the wire. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Absent: a root. */
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Values
  /** Absent: it did not fail. */
  readonly failure?: string
  readonly flags: number
  readonly resource: Values
  readonly scope: string
}

export interface OtlpReceiver extends AsyncDisposable {
  /** Without a path. */
  readonly url: string
  readonly port: number
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly spans: number }[]
  /** What is wrong with what came: each breaks the protocol. */
  readonly breaches: string[]
  /** How it answers from now on. Default: 200, and spans are kept. `hang`: not at all. Else spans are not kept. */
  answer: { status: number; headers?: Record<string, string>; body?: Buffer } | 'hang' | null
  named(name: string): ReceivedSpan[]
}

/**
 * Speaks OTLP over HTTP with protobuf, as a collector does.
 * @param port 0: any free one.
 * @param tls its certificate, for localhost, and key; absent: without TLS.
 */
export async function otlpReceiver(
  port = 0,
  tls?: { readonly cert: string; readonly key: string },
): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: OtlpReceiver['requests'] = []
  const breaches: string[] = []
  const listener: RequestListener = (req, res) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
      if (req.method !== 'POST') breaches.push(`method ${req.method}`)
      if (req.headers['content-type'] !== 'application/x-protobuf') breaches.push(`type ${req.headers['content-type']}`)
      const received = spansOf(Buffer.concat(chunks))
      requests.push({ path: req.url ?? '', headers: req.headers, spans: received.length })
      if (receiver.answer === 'hang') return
      const { status, headers = {}, body = Buffer.alloc(0) } = receiver.answer ?? { status: 200 }
      if (status === 200) spans.push(...received)
      res.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers }).end(body)
    })().catch((error: unknown) => {
      breaches.push(String(error))
      res.writeHead(400).end()
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const at = (server.address() as AddressInfo).port
  const receiver: OtlpReceiver = {
    url: tls === undefined ? `http://127.0.0.1:${at}` : `https://localhost:${at}`,
    ...{ port: at, spans, requests, breaches, answer: null },
    named: (name) => spans.filter((span) => span.name === name),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return receiver
}

/** ExportTraceServiceRequest: resource spans, of these scope spans, of these spans. */
function spansOf(request: Buffer): ReceivedSpan[] {
  return messagesOf(request, 1).flatMap((ofResource) => {
    const resource = attributesOf(bytes(fieldOf(ofResource, 1)), 1)
    return messagesOf(ofResource, 2).flatMap((ofScope) => {
      const scope = text(fieldOf(bytes(fieldOf(ofScope, 1)), 1))
      return messagesOf(ofScope, 2).map((span) => spanOf(span, resource, scope))
    })
  })
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const errorCode = 2n

function spanOf(span: Buffer, resource: Values, scope: string): ReceivedSpan {
  const parent = bytes(fieldOf(span, 4))
  const state = text(fieldOf(span, 3))
  const status = bytes(fieldOf(span, 15))
  return {
    traceId: bytes(fieldOf(span, 1)).toString('hex'),
    spanId: bytes(fieldOf(span, 2)).toString('hex'),
    ...(parent.length === 0 ? {} : { parentSpanId: parent.toString('hex') }),
    ...(state === '' ? {} : { traceState: state }),
    name: text(fieldOf(span, 5)),
    kind: kinds[Number(fieldOf(span, 6) ?? 0n)] ?? 'internal',
    startNs: fieldOf(span, 7) as bigint,
    endNs: fieldOf(span, 8) as bigint,
    attributes: attributesOf(span, 9),
    ...(fieldOf(status, 3) === errorCode ? { failure: text(fieldOf(status, 2)) } : {}),
    flags: Number(fieldOf(span, 16) ?? 0n),
    resource,
    scope,
  }
}

/** KeyValue, of which the value is one of string, bool, int, double; others are not sent. */
function attributesOf(message: Buffer, number: number): Values {
  return Object.fromEntries(
    messagesOf(message, number).map((pair) => [text(fieldOf(pair, 1)), valueOf(bytes(fieldOf(pair, 2)))]),
  )
}

function valueOf(any: Buffer): Value {
  const [field] = fieldsOf(any)
  if (field === undefined) return ''
  const { number, value } = field
  if (typeof value !== 'bigint') return value.toString('utf8')
  if (number === 2) return value === 1n
  return number === 3 ? Number(BigInt.asIntN(64, value)) : double(value)
}

function double(bits: bigint): number {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(bits)
  return bytes.readDoubleLE()
}

function bytes(value: bigint | Buffer | undefined): Buffer {
  return typeof value === 'object' ? value : Buffer.alloc(0)
}

function text(value: bigint | Buffer | undefined): string {
  return bytes(value).toString('utf8')
}
