import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** How to run kubectl. */
export interface KubectlOptions {
  readonly kubeconfig: string
  /** What it reads with `-f -`. */
  readonly stdin?: string
}

let path: string | undefined

/** The kubectl that is built with the API server, or the one of this machine. */
export function kubectlPath(): string {
  if (path !== undefined) return path
  const bin = execFileSync(join(import.meta.dirname, '..', 'env', 'kube', 'build'), ['--path'], {
    encoding: 'utf8',
  }).trim()
  const built = join(bin, 'kubectl')
  return (path = existsSync(built) ? built : 'kubectl')
}

/** What kubectl did. */
export interface KubectlResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `kubectl ARGS` and gives what it printed, refused or not. */
export async function tryKubectl(args: readonly string[], options: KubectlOptions): Promise<KubectlResult> {
  const child = spawn(kubectlPath(), ['--kubeconfig', options.kubeconfig, ...args], { stdio: 'pipe' })
  child.stdin.on('error', () => undefined) // it may end before it has read all; its exit code tells
  child.stdin.end(options.stdin ?? '')
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { code, stdout, stderr }
}

/** Runs `kubectl ARGS` and gives what it prints. @throws Error with its words when it fails. */
export async function kubectl(args: readonly string[], options: KubectlOptions): Promise<string> {
  const { code, stdout, stderr } = await tryKubectl(args, options)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || `exit code ${code}`}`)
  return stdout
}
