import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { compileCache } from './compile-cache.ts'

/** Linux counts CPU time in ticks of 10 ms for user space. */
const tickMs = 10
/** How often a process that ends is looked at, milliseconds: its last reading counts. */
const lastLookMs = 5

/** A process under measurement, seen from outside: its own accounting costs nothing and hides nothing. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Resolves with the first line of standard output that starts so. Rejects when the process ends before. */
  line(start: string): Promise<string>
  /** CPU of all its threads since its start, milliseconds. Keeps its last value when the process has ended. */
  cpuMs(): number
  /** Resident memory now, MiB. */
  rssMib(): number
  /** Everything that it printed on standard output so far, by line. */
  readonly lines: readonly string[]
  /** Sends a signal: SIGKILL as a power cut, SIGSTOP and SIGCONT as a freeze. */
  signal(name: NodeJS.Signals): void
  /** SIGTERM, then waits for its end. */
  stop(): Promise<void>
  /** Resolves with its exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>
}

/** Starts `node FILE ARGS` with the node that runs us. */
export function startChild(file: string, args: readonly string[], nodeFlags: readonly string[] = []): Child {
  // what is compiled already starts as the image starts it
  const env = file.endsWith('.ts') ? { ...process.env, ...compileCache } : process.env
  const child = spawn(process.execPath, [...nodeFlags, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const { pid } = child
  if (pid === undefined) throw new Error(`cannot start ${file}`)
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  // whatever ends us, it does not stay behind
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  void exited.then(() => process.off('exit', kill))
  const reading = createInterface({ input: child.stdout })
  const lines: string[] = []
  reading.on('line', (line) => lines.push(line))
  let cpu = 0
  const cpuMs = () => (cpu = readCpuMs(pid) ?? cpu)
  const signal = (name: NodeJS.Signals) => void child.kill(name)
  const stop = async () => {
    signal('SIGTERM')
    const looking = setInterval(cpuMs, lastLookMs)
    await exited
    clearInterval(looking)
  }
  return {
    pid,
    lines,
    signal,
    exited,
    cpuMs,
    rssMib: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    line: (start) =>
      new Promise((resolve, reject) => {
        const look = (line: string) => {
          if (!line.startsWith(start)) return
          reading.off('line', look)
          resolve(line)
        }
        reading.on('line', look)
        lines.filter((line) => line.startsWith(start)).forEach(look)
        void exited.then(() => reject(new Error(`${file} ended without a line "${start}"`)))
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** CPU of all threads of a process since its start, milliseconds; null: it has ended. */
export function readCpuMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the process, in parentheses, may hold spaces: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return null
  }
}
