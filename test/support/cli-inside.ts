import { vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import type { CliResult } from './cli.ts'

let last: Promise<unknown> = Promise.resolve()

/**
 * As `cli`, in the process of the test: for whoever asks many times, as a process takes half a second to start. One after the other, since what is
 * printed is caught; so nothing that goes on.
 */
export function cliInside(args: readonly string[]): Promise<CliResult> {
  const result = last.then(() => caught(args))
  last = result.catch(() => undefined)
  return result
}

async function caught(args: readonly string[]): Promise<CliResult> {
  const said = { stdout: '', stderr: '' }
  const take = (to: keyof typeof said) => (text: unknown) => ((said[to] += String(text)), true)
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(take('stdout')),
    vi.spyOn(process.stderr, 'write').mockImplementation(take('stderr')),
    vi.spyOn(console, 'log').mockImplementation((text) => void take('stdout')(`${text}\n`)),
    vi.spyOn(console, 'error').mockImplementation((text) => void take('stderr')(`${text}\n`)),
  ]
  vi.stubEnv('KUBECONFIG', '/nowhere/kubeconfig')
  vi.stubEnv('NO_COLOR', '1')
  try {
    const status = await run(['node', 'millrace', ...args])
    return { status, ...said }
  } finally {
    vi.unstubAllEnvs()
    for (const spy of spies) spy.mockRestore()
  }
}
