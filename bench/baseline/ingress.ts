/**
 * The raw limit of an ingress, fixed: bare node:http and the Kafka client's own producer, micro-batched, one batch in flight, acks=all.
 * It checks nothing, answers no mistake, and stores twice on a retry: nothing that does the job can be cheaper.
 * Arguments: bootstrap servers, topic, partitions.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Producer, type MessageToProduce } from '@platformatic/kafka'

const [bootstrap = '', topic = '', partitions = '1'] = process.argv.slice(2)
const producer = new Producer({ clientId: 'baseline', bootstrapBrokers: bootstrap.split(','), idempotent: true })

interface Pending {
  readonly message: MessageToProduce
  readonly answer: (status: number) => void
}
let pending: Pending[] = []
let [busy, due] = [false, false]

function flush(): void {
  due = false
  if (busy || pending.length === 0) return
  busy = true
  const batch = pending
  pending = []
  const messages = batch.map(({ message }) => message)
  producer
    .send({ acks: -1, messages })
    .then(
      () => batch.forEach(({ answer }) => answer(202)),
      () => batch.forEach(({ answer }) => answer(503)),
    )
    .finally(() => {
      busy = false
      flush()
    })
}

let turn = 0
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const headers = new Map<Buffer, Buffer>()
    const { rawHeaders } = request
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      if (name.startsWith('ce-')) headers.set(Buffer.from(`ce_${name.slice(3)}`), Buffer.from(rawHeaders[i + 1] ?? ''))
      else if (name === 'content-type') headers.set(Buffer.from(name), Buffer.from(rawHeaders[i + 1] ?? ''))
    }
    const message = {
      topic,
      partition: turn++ % Number(partitions),
      value: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
      headers,
    }
    pending.push({
      message,
      answer: (status) => {
        response.writeHead(status, { 'content-length': 0 })
        response.end()
      },
    })
    if (!due) {
      due = true
      setImmediate(flush)
    }
  })
})
server.listen(0, '127.0.0.1', () => console.log(`ingress http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => process.exit(0))
