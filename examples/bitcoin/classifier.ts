/**
 * A subscriber that replies: reads a transaction, answers with a CloudEvent that says whether it is large (over 1 BTC) or small.
 * An application needs no Kafka client and no SDK for this. HOST and PORT: where to listen (default 127.0.0.1, 8081).
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

interface Transaction {
  x?: { inputs?: { prev_out?: { value?: number } }[] }
}

const host = process.env['HOST'] ?? '127.0.0.1'
const port = Number(process.env['PORT'] ?? 8081)

const server = createServer((request, response) => void classify(request, response))
server.on('error', (error) => {
  console.error(`classifier: ${error.message}`)
  process.exitCode = 1
})
server.listen(port, host, () => console.log(`listens on ${host}:${port}`))
// A pod is told to end, and is process 1, which a signal ends only when somebody listens to it.
process.once('SIGTERM', () => process.exit())

async function classify(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { x } = JSON.parse(Buffer.concat(chunks).toString()) as Transaction
    const satoshi = (x?.inputs ?? []).reduce((sum, input) => sum + (input.prev_out?.value ?? 0), 0)
    response.writeHead(200, {
      'ce-specversion': '1.0',
      'ce-id': randomUUID(),
      'ce-type': 'dev.knative.eventing.josiemundi.transaction.classifer',
      'ce-source': 'https://knative.dev/josiemundi/classifier-transaction-size',
      'content-type': 'application/json',
    })
    response.end(JSON.stringify({ msg: satoshi > 100_000_000 ? 'large' : 'small', satoshi }))
  } catch {
    response.writeHead(400).end('not a transaction')
  }
}
