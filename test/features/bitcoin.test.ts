import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { ownFolder } from '../support/millrace.ts'

const run = join(import.meta.dirname, '..', '..', 'examples', 'bitcoin', 'run.ts')
const transaction = 'websocket-event'
const classification = 'dev.knative.eventing.josiemundi.transaction.classifer'
/** Well below the limit of a test, so that a test that fails still ends what it started. */
const patienceMs = 30_000

beforeEach(() => vi.stubEnv('PORT', '0').stubEnv('RATE', '20'))
afterEach(() => void vi.unstubAllEnvs())

/** The example on free ports, in a process group of its own as a shell would start it. */
function startExample() {
  const args = ['--port', '0', '--display-port', '0', '--data', join(ownFolder(), 'data')]
  const child = spawn(process.execPath, [run, ...args], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const urlAfter = (text: string) =>
    eventually(`a line with "${text}"`, () => /http:\S+/.exec(lines.find((line) => line.includes(text)) ?? '')?.[0])
  return {
    pid: child.pid!,
    ended,
    urlAfter,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) child.kill('SIGTERM')
      await ended
    },
  }
}

interface Shown {
  to: string
  attributes: Record<string, string>
  data: string
}

/** What the page shows, until `enough`. @throws DOMException TimeoutError when it never is. */
async function shownBy(display: string, enough: (seen: readonly Shown[]) => boolean): Promise<Shown[]> {
  const seen: Shown[] = []
  let rest = ''
  const answer = await fetch(`${display}/events`, { signal: AbortSignal.timeout(patienceMs) })
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + chunk).split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) if (frame.startsWith('data: ')) seen.push(JSON.parse(frame.slice('data: '.length)))
    if (enough(seen)) return seen
  }
  throw new Error(`the display ended its stream after ${seen.length} events`)
}

/** Processes that `pid` started and that are still there (proc(5)). */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

test('transactions show on the page, and so do the classifications that went back through the Broker', async () => {
  await using example = startExample()
  const display = await example.urlAfter('  display')
  const ofType = (type: string, seen: readonly Shown[]) => seen.filter(({ attributes }) => attributes['type'] === type)
  const seen = await shownBy(
    display,
    (seen) => ofType(classification, seen).length >= 5 && ofType(transaction, seen).length >= 5,
  )
  for (const { to, data } of ofType(transaction, seen)) {
    expect(to).toBe('/knative-eventing-websocket-source/event-display')
    expect(JSON.parse(data)).toMatchObject({ op: 'utx' })
  }
  for (const { to, attributes, data } of ofType(classification, seen)) {
    expect(to).toBe('/knative-eventing-websocket-source/test-display')
    // Only an event that was read from the log has these: the answer took the way through the Broker.
    expect(attributes).toHaveProperty('knativekafkaoffset')
    const { msg, satoshi } = JSON.parse(data) as { msg: string; satoshi: number }
    expect(msg).toBe(satoshi > 100_000_000 ? 'large' : 'small')
  }
  expect(seen).toHaveLength(ofType(transaction, seen).length + ofType(classification, seen).length)
})

test.for([
  ['ctrl-C in a terminal', (pid: number) => -pid],
  ['a signal to it alone', (pid: number) => pid],
] as const)('%s ends all three with exit code 0', async ([, target]) => {
  await using example = startExample()
  await example.urlAfter('generator:')
  const parts = childrenOf(example.pid)
  expect(parts).toHaveLength(3)
  process.kill(target(example.pid), 'SIGINT')
  expect(await example.ended).toBe(0)
  expect(parts.filter((part) => existsSync(`/proc/${part}`))).toEqual([])
})
