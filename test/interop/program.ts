import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { EventSpec, Mode } from './cases.ts'

const here = import.meta.dirname

/** A program that uses one SDK. All four speak the same way with us: JSON, one document a line. */
export type Sdk = 'javascript' | 'python' | 'go' | 'java'
export const sdks: readonly Sdk[] = ['javascript', 'python', 'go', 'java']

/** What a program is told to send: one event, or with `batch` several at once. */
export interface Sending {
  readonly mode: Mode | 'batch'
  readonly events: readonly EventSpec[]
}

/** What came of it: an answer, or the error with which the SDK or the HTTP client of its language refused to send. */
export type Outcome = { readonly status: number; readonly body: string } | { readonly error: string }

/** An event as the SDK showed it, or why it could read none. `path` is where the request went. */
export type Report = { readonly path: string } & (
  { readonly attributes: Readonly<Record<string, string>>; readonly data: string | null } | { readonly error: string }
)

/** A subscriber written with an SDK. */
export interface Subscriber extends AsyncDisposable {
  readonly url: string
  readonly reports: readonly Report[]
}

interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const jvm = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** How to run the program of an SDK; installs and builds it when that has not been done yet. */
export async function prepare(sdk: Sdk): Promise<Command> {
  if (sdk === 'javascript') return { file: process.execPath, args: [join(here, 'javascript', 'main.ts')] }
  const folder = (await build(sdk)).trim()
  switch (sdk) {
    case 'python':
      return { file: 'python3', args: [join(here, 'python', 'main.py')], env: { PYTHONPATH: folder } }
    case 'go':
      return { file: join(folder, 'interop'), args: [] }
    case 'java':
      return { file: 'java', args: [...jvm, '-cp', `${folder}/classes:${folder}/jars/*`, 'Main'] }
  }
}

async function build(sdk: Sdk): Promise<string> {
  const done = promisify(execFile)(join(here, 'build'), [sdk])
  const { stdout } = await done.catch((error: { stderr: string }) => {
    throw new Error(error.stderr)
  })
  return stdout
}

/** Starts the subscriber of an SDK; it listens when this resolves. */
export async function subscribe({ file, args, env }: Command): Promise<Subscriber> {
  const child = spawn(file, [...args, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const reports: Report[] = []
  const url = await new Promise<string>((resolve, reject) => {
    const start = 'listening '
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith(start)) resolve(line.slice(start.length))
      else reports.push(JSON.parse(line))
    })
    child.once('error', reject)
    void ended.then(() => reject(new Error(`${file} ended before it listened`)))
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { url, reports, [Symbol.asyncDispose]: stop }
}

/** Has the program of an SDK send all of these, one after the other. @returns what came of each, in their order. */
export async function send({ file, args, env }: Command, url: string, all: readonly Sending[]): Promise<Outcome[]> {
  const child = spawn(file, [...args, 'send', url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  child.stdin.end(all.map((one) => `${JSON.stringify(one)}\n`).join(''))
  const outcomes: Outcome[] = []
  for await (const line of createInterface({ input: child.stdout })) outcomes.push(JSON.parse(line))
  if (outcomes.length !== all.length) throw new Error(`${file} ended after ${outcomes.length} of ${all.length}`)
  return outcomes
}
