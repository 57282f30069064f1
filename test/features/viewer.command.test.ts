import { expect, test, vi } from 'vitest'
import type { CliResult } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { seenEvents } from '../support/sse.ts'
import { sendEvents, startViewer } from '../support/viewer-process.ts'

/** For what ends by itself. */
function viewer(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return cliInside(['viewer', ...args])
}

test('it takes events and shows them, and ends with SIGTERM', async () => {
  await using it = await startViewer('--max-events', '2')
  await sendEvents(it.url, [{ id: 'a' }, { id: 'b' }, { id: 'c' }])
  const ids: (string | undefined)[] = []
  for await (const { attributes } of seenEvents(await fetch(`${it.url}/events`))) {
    ids.push(attributes['id'])
    if (ids.length === 2) break
  }
  expect(ids).toEqual(['b', 'c'])
})

test('--help says all there is', async () => {
  const { stdout } = await viewer(['--help'])
  for (const word of [
    '--port',
    '--host',
    '--token',
    '--protect-ingest',
    '--max-events',
    '--max-mib',
    '--kubernetes',
    '--all-namespaces',
    'VIEWER_TOKEN',
    'PORT',
  ]) {
    expect(stdout).toContain(word)
  }
})

test('mistakes are one line each and exit 2', async () => {
  const mistakes = [
    [['--port', 'x'], {}, /^error: --port is not a number\n/],
    [[], { PORT: 'tcp://10.0.0.1:80' }, /^error: --port \(or PORT\) is not a number\n/],
    [['--token', 'short'], {}, /^error: --token must have 8 characters or more\n/],
    [
      ['--max-events', '0', '--max-mib', '0'],
      {},
      /^error: --max-events must be 1 to 100000\nerror: --max-mib must be 1 to 4096\n/,
    ],
    [[], { VIEWER_TOKEN: 'short' }, /^error: --token \(or VIEWER_TOKEN\) must have 8 characters or more\n/],
    [
      ['-n', 'shop', '-A'],
      {},
      /^error: --all-namespaces is of no use beside --namespace\nerror: --namespace is of no use /,
    ],
    [['--protect-ingest'], {}, /^error: --protect-ingest is of no use without --token \(or VIEWER_TOKEN\)\n/],
  ] as const
  for (const [args, env, message] of mistakes) {
    expect(await viewer(args, env)).toMatchObject({ status: 2, stderr: expect.stringMatching(message) })
  }
})
