/**
 * Starts the whole example, each part as soon as what it needs is there. Ctrl-C ends all three. Arguments go to `millrace dev`.
 *
 *     classifier ── its URL ──► millrace dev ── the Broker's URL ──► generator
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const here = import.meta.dirname
const millrace = join(dirname(dirname(here)), 'src', 'main.ts')
const namespace = 'knative-eventing-websocket-source'
const started: ChildProcess[] = []
let stopping = false

const classifier = start('classifier', [join(here, 'classifier.ts')])
whenItSays(classifier, /http:\S+/, (url) => {
  const service = `classifier.${namespace}=${url}`
  const dev = start('millrace dev', [millrace, 'dev', '-f', here, '--service', service, ...process.argv.slice(2)])
  whenItSays(dev, /(?<=^Broker .* Ready at )\S+/, (sink) => {
    start('generator', [join(here, 'generator.ts')], { K_SINK: sink }).stdout?.pipe(process.stdout)
  })
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0))

/** In a process group of its own: a ctrl-C reaches us alone, and we end them one after the other. */
function start(name: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, args, { detached: true, stdio: [...stdio], env: { ...process.env, ...env } })
  started.push(child)
  child.once('exit', (code) => {
    if (stopping) return
    if (code !== 0) console.error(`${name} ended, so all do`)
    void stop(code ?? 1)
  })
  return child
}

/** Passes on what a child says, and hands over the first match of `pattern`. */
function whenItSays(child: ChildProcess, pattern: RegExp, then: (match: string) => void): void {
  let waiting = true
  createInterface({ input: child.stdout! }).on('line', (line) => {
    console.log(line)
    const match = waiting && !stopping ? pattern.exec(line) : null
    if (match === null) return
    waiting = false
    then(match[0])
  })
}

/** The last started goes first: no more events come, then what is under way is delivered. A second call hurries who is still there. */
async function stop(code: number): Promise<void> {
  const running = started.filter((child) => child.exitCode === null && child.signalCode === null)
  if (stopping) return running.forEach((child) => child.kill())
  stopping = true
  process.exitCode = code
  for (const child of running.reverse()) {
    child.kill()
    await once(child, 'exit')
  }
}
