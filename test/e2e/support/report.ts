import { afterAll, afterEach, type RunnerTestCase, type RunnerTestSuite } from 'vitest'
import { systemNamespace, tryKubectl, watchedNamespaces } from './kube.ts'

/** How much of each log is printed. */
const lines = 60

/** When a test fails: what our own namespace and those of the test look like, before anything of it is deleted. */
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await report(`${task.name}: ${task.result.errors?.[0]?.message ?? ''}`)
})

/** When a hook fails, no test runs; what its own hooks have not deleted yet is shown. */
// oxlint-disable-next-line no-empty-pattern -- vitest reads the text of this parameter: a pattern is all it takes
afterAll(async ({}, file) => {
  const failed = hookFailures(file)
  if (failed.length > 0) await report(failed.join(', '))
})

/** Names of the suites in which a hook threw: a suite has errors of its own only then. */
function hookFailures(task: RunnerTestSuite | RunnerTestCase): string[] {
  if (task.type !== 'suite') return []
  const own = (task.result?.errors ?? []).length > 0 ? [task.name] : []
  return [...own, ...task.tasks.flatMap(hookFailures)]
}

async function report(name: string): Promise<void> {
  const parts = await Promise.all([systemNamespace, ...watchedNamespaces].map(describeNamespace))
  console.log(`\n===== the cluster when this failed: ${name} =====\n${parts.join('')}===== end =====\n`)
}

async function describeNamespace(namespace: string): Promise<string> {
  const pods = (await tryKubectl('get', 'pods', '-o', 'name', '-n', namespace)).stdout
    .split('\n')
    .filter((pod) => pod !== '')
  const logs = (pod: string) => ['logs', pod, '--all-containers', '--prefix', `--tail=${lines}`]
  const commands = [
    ['get', 'all', '-o', 'wide'],
    ...['brokers', 'triggers', 'inlets', 'outlets', 'workers'].map((kind) => [
      'get',
      kind,
      '-o',
      'yaml',
      '--ignore-not-found',
    ]),
    ['get', 'events', '--sort-by=.lastTimestamp'],
    ['describe', 'pods'],
    ...pods.flatMap((pod) => [logs(pod), [...logs(pod), '--previous']]),
  ]
  const shown = await Promise.all(commands.map((command) => show([...command, '-n', namespace])))
  return shown.join('')
}

/** What a command prints, under a heading; nothing when there is nothing to see. */
async function show(command: readonly string[]): Promise<string> {
  const { stdout } = await tryKubectl(...command)
  const empty = stdout.trim() === '' || /^items: \[\]$/m.test(stdout)
  return empty ? '' : `--- kubectl ${command.join(' ')}\n${stdout}`
}
