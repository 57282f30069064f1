/**
 * A wire to a broker far away: passes bytes on `delay` milliseconds after they came, in each direction, so the round trip grows by twice that.
 * Arguments: delay, then one PORT=HOST:PORT a wire (listen on loopback = target). Prints "delaying" once all wires are up.
 *
 *     near ─► chunk, due ─┐                                     ┌─► far
 *                         ├─► one line, in order of time ─► due ┤
 *     far  ─► chunk, due ─┘                                     └─► near
 *
 * The delay is the same for all, so one queue keeps all bytes in order. It is not bounded: what is under way is bounded by those who wait
 * for an answer.
 */
import { connect, createServer, type Socket } from 'node:net'

const [delay = '', ...wires] = process.argv.slice(2)
const delayMs = Number(delay)
/** Closer than this to its time counts as due: a wake-up costs about as much. */
const slackMs = 0.05

interface Passing {
  readonly due: number
  readonly to: Socket
  /** null: the sender has ended. */
  readonly bytes: Buffer | null
}
let passing: Passing[] = []
let head = 0
let waking = false
const cell = new Int32Array(new SharedArrayBuffer(4))

function pass(to: Socket, bytes: Buffer | null): void {
  passing.push({ due: performance.now() + delayMs, to, bytes })
  schedule()
}

/** Timers know whole milliseconds only; the rest is slept away, and never more than one such rest between two looks at the sockets. */
function schedule(): void {
  const next = passing[head]
  if (waking || next === undefined) return
  waking = true
  const restMs = Math.floor(next.due - performance.now())
  if (restMs < 1) setImmediate(release)
  else setTimeout(release, restMs)
}

function release(): void {
  waking = false
  const restMs = (passing[head]?.due ?? 0) - performance.now()
  if (restMs > slackMs && restMs < 1) Atomics.wait(cell, 0, 0, restMs)
  const now = performance.now() + slackMs
  for (let next = passing[head]; next !== undefined && next.due <= now; next = passing[++head]) {
    if (next.bytes === null) next.to.end()
    else if (!next.to.destroyed) next.to.write(next.bytes)
  }
  if (head === passing.length || head > 1_000) {
    passing = passing.slice(head)
    head = 0
  }
  schedule()
}

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true)
  from.on('data', (bytes) => pass(to, bytes))
  from.on('end', () => pass(to, null))
  from.on('error', () => to.destroy())
}

const servers = wires.map((wire) => {
  const [port, host, targetPort] = wire.split(/[=:]/)
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host, port: Number(targetPort), allowHalfOpen: true })
    join(near, far)
    join(far, near)
  })
  return new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve))
})
await Promise.all(servers)
console.log('delaying')
process.on('SIGTERM', () => process.exit(0))
