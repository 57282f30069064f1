import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { kubectlPath } from '../../support/kubectl.ts'
import { cluster } from './kube.ts'

/** Hears of conditions the moment the API server knows of them: polling would come late, and hide what is wrong in the first instant. */
export interface ConditionWatch extends AsyncDisposable {
  /** Resolves when `Ready` of the object is True: with the time, as performance.now() tells it. */
  ready(name: string): Promise<number>
}

/** Watches all objects of a kind in a namespace. */
export function watchReady(kind: string, namespace: string): ConditionWatch {
  const columns = 'jsonpath={.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}'
  const args = ['--kubeconfig', cluster().kubeconfig, 'get', kind, '-n', namespace, '--watch', '-o', columns]
  const child = spawn(kubectlPath(), args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const since = new Map<string, number>()
  const waiting = new Map<string, (at: number) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [name = '', status] = line.split(' ')
    if (status !== 'True' || since.has(name)) return
    since.set(name, performance.now())
    waiting.get(name)?.(performance.now())
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    ready: (name) => {
      const at = since.get(name)
      return at === undefined ? new Promise((resolve) => waiting.set(name, resolve)) : Promise.resolve(at)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await ended
    },
  }
}
