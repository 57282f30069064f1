import { spawn, type ChildProcess } from 'node:child_process'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import { objectName } from '../../api/problem.ts'
import type { BoundWorkload } from '../../control-plane/sink-binding/compile.ts'
import { retryBackoffMs } from '../../core/backoff.ts'
import type { Voice } from './voice.ts'

/** On a workload: the local command that stands for its pods, run by the shell in the folder of its manifest. */
export const commandAnnotation = 'dev.millrace.dev/command'

/** How long a program has to end when it is told to, milliseconds. */
const graceMs = 5_000

/** A program as it shall run. */
interface Program {
  readonly name: string
  readonly command: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** A Job runs once; the others are started again when they end. */
  readonly once: boolean
}

/**
 * Workloads of manifests as programs on this machine:
 *
 *     Deployment with a command ──► its variables (K_SINK, ...) ──► program, its output prefixed
 *            └ changed: stopped, and started anew                      └ ended: started again after a pause
 */
export class Processes {
  readonly #inherited: Readonly<NodeJS.ProcessEnv>
  readonly #voice: Voice
  readonly #running = new Map<string, Running>()
  /** Those that are told to end. */
  readonly #ending = new Set<Promise<void>>()
  #closed = false

  constructor(inherited: Readonly<NodeJS.ProcessEnv>, voice: Voice) {
    this.#inherited = inherited
    this.#voice = voice
  }

  /** From now on these run, those that name a command, and no others. */
  want(workloads: readonly BoundWorkload[]): void {
    const named = workloads.filter(({ annotations }) => (annotations[commandAnnotation] ?? '') !== '')
    const ready = named.filter(({ waitsFor }) => waitsFor === null)
    for (const { key, waitsFor } of named) {
      const topic = `program ${objectName(key)}`
      if (waitsFor !== null) this.#voice.once(topic, `${objectName(key)} is not run: ${waitsFor}`)
    }
    const programs = new Map(ready.map((workload) => [objectName(workload.key), programOf(workload)]))
    for (const [id, running] of this.#running)
      if (!isDeepStrictEqual(programs.get(id), running.program)) this.#end(id, running)
    for (const [id, program] of programs) if (!this.#running.has(id)) this.#start(id, program)
  }

  /** Ends all of them, and resolves when they have. */
  async close(): Promise<void> {
    this.#closed = true
    for (const [id, running] of this.#running) this.#end(id, running)
    await Promise.all(this.#ending)
  }

  #start(id: string, program: Program): void {
    if (this.#closed) return
    const sink = Object.entries(program.env).filter(([name]) => name.endsWith('K_SINK'))
    const given = sink.map(([name, value]) => `${name}=${value}`).join(' ')
    this.#voice.once(`program ${id}`, `${id} runs: ${given === '' ? '' : `${given} `}${program.command}`)
    this.#running.set(id, new Running(program, this.#inherited, (line) => this.#voice.line(line)))
  }

  #end(id: string, running: Running): void {
    this.#running.delete(id)
    this.#voice.once(`program ${id}`, '')
    const ending = running.end().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }
}

function programOf({ key, place, annotations, env }: BoundWorkload): Program {
  const once = key.kind === 'Job' || key.kind === 'CronJob'
  return { name: key.name, command: annotations[commandAnnotation] ?? '', folder: dirname(place.file), env, once }
}

/** One program, started again each time it ends, until it is told to end. */
class Running {
  readonly program: Program
  readonly #inherited: Readonly<NodeJS.ProcessEnv>
  readonly #say: (line: string) => void
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #child: ChildProcess | undefined

  constructor(program: Program, inherited: Readonly<NodeJS.ProcessEnv>, say: (line: string) => void) {
    this.program = program
    this.#inherited = inherited
    this.#say = (line) => say(`${program.name} | ${line}`)
    this.#done = this.#run()
  }

  async end(): Promise<void> {
    this.#stop.abort()
    this.#signal('SIGTERM')
    const kill = setTimeout(() => this.#signal('SIGKILL'), graceMs)
    await this.#done
    clearTimeout(kill)
  }

  async #run(): Promise<void> {
    for (let ends = 1; !this.#stop.signal.aborted; ends += 1) {
      const how = await this.#once()
      if (this.#stop.signal.aborted) return
      if (this.program.once) return this.#say(`ended, ${how}`)
      const pauseMs = Math.round(retryBackoffMs(ends, { baseMs: 1_000, capMs: 30_000 }))
      this.#say(`ended, ${how}; started again in ${Math.ceil(pauseMs / 1_000)} s`)
      await this.#pause(pauseMs)
    }
  }

  /** Resolves with how it ended. */
  #once(): Promise<string> {
    const { command, folder, env } = this.program
    return new Promise((resolve) => {
      // A process group of its own: the shell, and what it starts, end together, and ctrl-C reaches them through us alone.
      const child = spawn(command, {
        shell: true,
        detached: true,
        cwd: folder,
        env: { ...this.#inherited, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      this.#child = child
      this.#prefix(child.stdout)
      this.#prefix(child.stderr)
      child.once('error', ({ message }) => resolve(message))
      child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code ?? '?'}` : signal))
    })
  }

  #prefix(stream: Readable): void {
    createInterface({ input: stream }).on('line', this.#say)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#stop.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // It has ended already.
    }
  }
}
