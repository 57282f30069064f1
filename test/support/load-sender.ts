/**
 * Sends events as a careful producer does, each again until it is answered with 202, from a process of its own and over raw sockets, so
 * that a test measures what it sends to and not itself:
 *
 *     node load-sender.ts <url> <count> <callers>
 *
 * The events have the ids 0 … count - 1; the extension `kind` is `seventh` for each n that 7 divides, else `other`. Prints one line of
 * JSON at its end: {"again": how often one had to be sent again, "ms": how long it took}.
 */
import { connect } from 'node:net'

const [target = '', count = '0', callers = '1'] = process.argv.slice(2)
const url = new URL(target)
const end = Number(count)
const endOfHead = '\r\n\r\n'
/** Before a connection is tried again, milliseconds. */
const pauseMs = 20

let next = 0
let again = 0
let busy = Math.min(Number(callers), end)
const begun = performance.now()

/** One connection with one event under way. @param n what it takes over from a connection that broke. */
function caller(n: number): void {
  let current = n
  let head = ''
  const socket = connect(Number(url.port), url.hostname, () => send())
  socket.setEncoding('latin1').setNoDelay(true)
  const send = (): void => {
    if (current >= end) return void socket.end()
    socket.write(requestOf(current))
  }
  socket.on('data', (chunk: string) => {
    head += chunk
    // an answer that takes an event has no body; one with a body ends the connection here
    const whole = head.indexOf(endOfHead) + endOfHead.length === head.length
    if (!whole) return head.includes(endOfHead) ? void socket.destroy() : undefined
    if (head.startsWith('HTTP/1.1 202 ')) current = next++
    else again += 1
    head = ''
    send()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    if (current < end) {
      again += 1
      setTimeout(caller, pauseMs, current)
    } else if (--busy === 0) finish()
  })
}

function requestOf(n: number): string {
  const body = `{"n":${n}}`
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    'ce-specversion: 1.0',
    `ce-id: ${n}`,
    'ce-source: /test',
    'ce-type: com.example.test',
    `ce-kind: ${n % 7 === 0 ? 'seventh' : 'other'}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
  ]
  return `${head.join('\r\n')}${endOfHead}${body}`
}

function finish(): void {
  console.log(JSON.stringify({ again, ms: Math.round(performance.now() - begun) }))
}

for (let i = busy; i > 0; i--) caller(next++)
