import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { compileCache } from './compile-cache.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** What a command ended with. */
export interface CliResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a command is run. */
export interface CliOptions {
  /** Its standard input. */
  readonly input?: string
  /** Over the environment of the test, whose kubeconfig it never has. */
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `millrace ARGS` as a process, while the test goes on. */
export async function cli(args: readonly string[], { input = '', env = {} }: CliOptions = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: 'pipe',
    env: { ...process.env, ...compileCache, KUBECONFIG: '/nowhere/kubeconfig', NO_COLOR: '1', ...env },
  })
  child.stdin.on('error', () => undefined) // it may end before it has read all
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { status, stdout, stderr }
}
