import { parseArgs } from 'node:util'
import { send, type Load } from './send.ts'
import { produce } from './produce.ts'
import { serve } from './serve.ts'
import { websocketSource } from './websocket-source.ts'

/**
 *     main.ts              a server on 8080 that records what it gets (serve.ts)
 *     main.ts send URL     sends events to URL, prints what became of them as one line of JSON, ends with 1 when one was not accepted
 *       --count N --rate PER_SECOND --type T --source S --prefix OF_IDS --data JSON --in-flight N --resend
 *     main.ts produce      sends an event to K_SINK each second for a minute, as a producer does that knows no other address (produce.ts)
 *     SINK=URL main.ts     stands in for the source of the third article (websocket-source.ts)
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '1' },
    rate: { type: 'string' },
    type: { type: 'string' },
    source: { type: 'string' },
    prefix: { type: 'string' },
    data: { type: 'string' },
    'in-flight': { type: 'string' },
    resend: { type: 'boolean' },
  },
})

const [command, url] = positionals
if (command === 'send' && url !== undefined) {
  const outcome = await send(loadOf(url))
  console.log(JSON.stringify(outcome))
  process.exitCode = outcome.refused.length === 0 ? 0 : 1
} else if (command === 'produce') {
  await produce(process.env['K_SINK'], values.source ?? '/producer')
} else if (process.env['SINK'] !== undefined) {
  await websocketSource(process.env['SINK'])
} else {
  serve(8080)
}

function loadOf(to: string): Load {
  return {
    url: to,
    count: Number(values.count),
    ...(values.rate === undefined ? {} : { rate: Number(values.rate) }),
    ...(values.type === undefined ? {} : { type: values.type }),
    ...(values.source === undefined ? {} : { source: values.source }),
    ...(values.prefix === undefined ? {} : { prefix: values.prefix }),
    ...(values.data === undefined ? {} : { data: JSON.parse(values.data) as unknown }),
    ...(values['in-flight'] === undefined ? {} : { inFlight: Number(values['in-flight']) }),
    ...(values.resend === undefined ? {} : { resend: values.resend }),
  }
}
