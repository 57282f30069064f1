import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import type { Option } from 'commander'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { environment } from '../../src/cli/flags.ts'
import { program } from '../../src/cli/program.ts'
import { cli } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { compileCache } from '../support/compile-cache.ts'
import { eventually } from '../support/eventually.ts'
import { ownFolder } from '../support/millrace.ts'

const run = promisify(execFile)
const top = join(import.meta.dirname, '..', '..')
const main = join(top, 'src', 'main.ts')
const forPeople = ['bind', 'completion', 'describe', 'get', 'send', 'tail', 'trace', 'tree']

describe('help', () => {
  it.each(
    program()
      .commands.filter((command) => !command.name().startsWith('_'))
      .map((command) => [command.name(), command] as const),
  )('%s has a description, and says what each flag does', (name, command) => {
    expect(command.description()).toMatch(/^[A-Z].*\.$/)
    for (const option of command.options) expect(option.description, `${name} ${option.flags}`).not.toBe('')
  })

  it.each(forPeople)('%s --help shows examples and ends with 0', async (name) => {
    const { status, stdout } = await cliInside([name, '--help'])
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`\nExamples:\n.*millrace ${name}`))
  })

  it('leaves out what only scripts ask', async () => {
    expect((await cliInside(['--help'])).stdout).not.toContain('__complete')
  })
})

describe('wrong usage ends with 2 and says what is right', () => {
  it.each([
    ['get', "missing required argument 'kind'"],
    ['get brokrs', 'there is no kind "brokrs"; did you mean brokers?'],
    ['get trigger/a/b', '"trigger/a/b" must be KIND/NAME, e.g. trigger/orders'],
    ['get trigger orders -A', '--all-namespaces finds by kind alone'],
    ['get brokers -A -n shop', '--all-namespaces is of no use beside --namespace'],
    ['get brokers -o xml', '--output must be table, wide, json, yaml or name'],
    ['get brokers,triggers -w', '--watch follows one object, or all of one kind'],
    ['get brokers --watc', "unknown option '--watc'\n(Did you mean --watch?)"],
    [
      'describe trigger',
      'NAME is missing: millrace describe trigger NAME; those that there are: millrace get triggers',
    ],
    ['describe all x', 'describe takes one kind at a time'],
    ['describe trigger orders -n Shop', '--namespace must be a namespace name'],
    ['send', 'BROKER is missing: name one, e.g. default, or a --url\nerror: --type is missing'],
    ['send default --url http://a --type a', '--url is of no use beside BROKER'],
    [
      'send shop/default --type a',
      'BROKER must be NAME or broker/NAME, not "shop/default"; its namespace is said with -n',
    ],
    [
      'send default --type a --count 0 --rate x',
      '--count must be a whole number, 1 or more\nerror: --rate is not a number',
    ],
    ['send default --type a -d 1 --data-file x', '--data-file is of no use beside --data'],
    ['send default --type a -x nothing', '--extension "nothing" must be NAME=VALUE, e.g. partitionkey=42'],
    ['send default --type a -x id=7', '--extension id: has a flag of its own'],
    ['send default --type a -x Tenant=7', 'No attribute may be named "Tenant"'],
    ['send default --type a --time noon', 'Attribute time is "noon": it must be a timestamp of RFC 3339'],
    ['send default --event - --type a', '--type is of no use beside --event'],
    [
      'send default --event - --subject a --count 2',
      '--subject is of no use beside --event: the events there are sent as they are\nerror: --count',
    ],
    ['send default --event /dev/null', '/dev/null: is not JSON: it is empty'],
    ['tail a/b', 'OBJECT must be NAME, broker/NAME or trigger/NAME, not "a/b"'],
    ['tail --topic t', '--topic is of use with --kafka only'],
    ['tail --kafka localhost:9092', 'OBJECT is missing: which Broker or Trigger, e.g. broker/default; or say --topic'],
    ['tail --kafka localhost', '--kafka must be HOST:PORT'],
    ['tail --cesql 1+', '--cesql is not CloudEvents SQL'],
    ['tail --prefix Type=a', '--prefix "Type"'],
    ['tail --since yesterday', '--since must be a time such as 500ms, 30s, 10m or 2h'],
    ['bind deployment/shop', "missing required argument 'sink'"],
    [
      'bind deploymnt/shop broker/a',
      'SOURCE deploymnt/shop begins with no kind that is known: did you mean deployment/shop?',
    ],
    [
      'bind deployment broker/a',
      'SOURCE deployment has no name: write deployment/NAME, or choose by labels with --selector',
    ],
    ['bind deployment/shop default', 'SINK default begins with no kind that is known'],
    ['bind deployment/shop http://a --path /b', '--path is of no use beside a URL'],
    ['bind deployment/shop broker/a --env-prefix a', '--env-prefix must be capital letters, digits and _'],
    [
      'bind deployment/shop broker/a --ce-override id=1 --dry-run client',
      'spec.ceOverrides.extensions.id: "id" must not name an attribute that each event has',
    ],
    ['bind deployment/shop broker/a --remove --dry-run client', '--dry-run is of no use beside --remove'],
    ['tree -A -n shop', '--all-namespaces is of no use beside --namespace'],
    ['tree -f a --context b', '--filename is of no use beside --kubeconfig and --context'],
    [
      'completion tcsh',
      "command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish",
    ],
  ])('%s', async (line, says) => {
    const words = line.split(' ')
    const { status, stdout, stderr } = await cliInside(words)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(`error: ${says}`)
    expect(stderr).toContain(`millrace ${words[0]} --help`)
  })

  it('also of a command that is none, and of those that are not for people', async () => {
    expect(await cliInside(['brokers'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/unknown command 'brokers'\n+Try: millrace --help/),
    })
    expect(await cliInside(['check', '--filname', 'a'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Did you mean --filename?'),
    })
    expect(await cliInside(['controller', '--port', 'x'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--port is not a number'),
    })
  })

  it('also in a process of its own', async () => {
    expect(await cli(['get', 'brokrs'])).toEqual({
      status: 2,
      stdout: '',
      stderr: 'error: there is no kind "brokrs"; did you mean brokers?\nTry: millrace get --help\n',
    })
  })

  it('check and dev say how files are named', async () => {
    expect(await cliInside(['check', 'a.yaml', 'b.yaml'])).toMatchObject({
      status: 2,
      stderr: 'error: files are named with -f: millrace check -f a.yaml -f b.yaml\nTry: millrace --help\n',
    })
    expect(await cliInside(['dev', 'examples/hello'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('millrace dev -f examples/hello'),
    })
  })
})

describe('millrace tree -f', () => {
  const manifests = `apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: orders}
spec:
  broker: default
  filters: [{any: [{exact: {type: a}}, {not: {cesql: EXISTS b}}]}, {suffix: {subject: .png}}]
  subscriber: {ref: {apiVersion: v1, kind: Service, name: orders}, uri: /in}
---
apiVersion: sources.knative.dev/v1
kind: SinkBinding
metadata: {name: b}
spec:
  subject: {apiVersion: apps/v1, kind: Deployment, selector: {matchLabels: {app: shop}}}
  sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}}
---
apiVersion: sources.knative.dev/v1
kind: SinkBinding
metadata: {name: c}
spec:
  subject: {apiVersion: apps/v1, kind: Deployment, name: other}
  sink: {uri: http://a.example/}
`
  const tree = `Broker default/default
├─ from Deployments with app=shop (SinkBinding default/b)
└─ Trigger orders  (type=a or not (EXISTS b)) and subject$=.png
   └─ to Service default/orders

SinkBinding default/c
├─ from Deployment other
└─ to http://a.example/
`

  test('shows the way of events of manifests, in text and for machines', async () => {
    const file = join(ownFolder(), 'app.yaml')
    writeFileSync(file, manifests)
    expect(await cliInside(['tree', '-f', file])).toEqual({ status: 0, stdout: tree, stderr: '' })
    const { stdout } = await cli(['tree', '-f', '-', '-o', 'json'], { input: manifests })
    expect(JSON.parse(stdout)).toMatchObject({
      brokers: [
        { name: 'default', ready: null, sources: [{ name: 'b' }], triggers: [{ name: 'orders', ready: null }] },
      ],
      sources: [{ name: 'c', to: { object: null, url: 'http://a.example/' } }],
    })
  })

  test('says what is wrong in them, and ends with 1', async () => {
    const { status, stdout, stderr } = await cli(['tree', '-f', '-'], { input: manifests.replace('suffix', 'sufix') })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^error: stdin:10:\d+: Trigger default\/orders: .*did you mean suffix\?/)
    expect(stdout).toContain('Broker default/default')
  })
})

/** Gives a program a terminal (util-linux). */
const terminal = 'script'

describe('colours', () => {
  const inTerminal = async (env: Record<string, string>) => {
    const line = `${process.execPath} ${join(top, 'src', 'main.ts')} tree -f ${join(top, 'examples', 'hello')}`
    const { stdout } = await run(terminal, ['-qec', line, '/dev/null'], {
      env: { ...process.env, ...compileCache, TERM: 'xterm', ...env },
    })
    return stdout
  }
  const escape = '\u001b['

  it('are there on a terminal, and not with NO_COLOR, TERM=dumb or in a pipe', async () => {
    const [plain, coloured, refused, dumb] = await Promise.all([
      cli(['tree', '-f', join(top, 'examples', 'hello')], { env: { NO_COLOR: '' } }),
      inTerminal({ NO_COLOR: '' }),
      inTerminal({ NO_COLOR: '1' }),
      inTerminal({ NO_COLOR: '', TERM: 'dumb' }),
    ])
    expect([plain.stdout, refused, dumb].filter((text) => text.includes(escape))).toEqual([])
    expect(coloured).toContain(`${escape}1mBroker default/default`)
  })
})

describe('completion, through bash itself', () => {
  const bin = ownFolder()
  const millrace = join(bin, 'millrace')
  writeFileSync(millrace, `#!/bin/sh\nexec ${process.execPath} ${join(top, 'src', 'main.ts')} "$@"\n`)
  chmodSync(millrace, 0o755)
  const env = { ...process.env, ...compileCache, PATH: `${bin}:${process.env['PATH']}`, KUBECONFIG: '/nowhere' }

  const completion = join(bin, 'completion.bash')
  beforeAll(async () => writeFileSync(completion, (await cli(['completion', 'bash'])).stdout))

  /** What bash offers for the last of these words, by the function that it was told to ask. */
  async function offered(words: readonly string[], folder = bin): Promise<readonly string[]> {
    const script = `source ${completion}
      function=$(complete -p millrace | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
      "$function" millrace "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
      printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await run('bash', ['--norc', '-c', script, 'bash', 'millrace', ...words], { env, cwd: folder })
    return stdout.split('\n').filter((line) => line !== '')
  }

  it.each([
    [['de'], ['describe', 'dev']],
    [['get', 'tr'], ['triggers']],
    [['get', 'brokers', '--al'], ['--all-namespaces']],
    [['get', 'brokers', '-o', 'y'], ['yaml']],
    [['bind', 'dep'], ['deployment/']],
    [['bind', 'deployment/a', 'b'], ['broker/']],
    [
      ['bind', 'deployment/a', 'broker/b', '--dry-run', ''],
      ['none', 'client', 'server'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['match', '-f', 'mill'], ['millrace']],
    [['nonsense', ''], []],
  ])('%j', async (words, expected) => {
    expect(await offered(words)).toEqual(expected)
  })

  it('works at a prompt, with the tab key', async () => {
    const line = `stty -echo; PS1=; source <(millrace completion bash)\nmillrace completio\tba\t | head -1\nexit\n`
    const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) => {
      const child = execFile(terminal, ['-qec', 'bash --norc --noprofile -i', '/dev/null'], { env }, (error, stdout) =>
        error === null ? resolve({ stdout }) : reject(new Error(stdout, { cause: error })),
      )
      child.stdin?.end(line)
    })
    expect(stdout).toContain('# millrace: completion for bash')
  })

  it.each(['zsh', 'fish'])('the script for %s is one that it can read', (shell) => {
    const { stdout, status } = spawnSync(millrace, ['completion', shell], { encoding: 'utf8', env })
    expect(status).toBe(0)
    const there = spawnSync('which', [shell]).status === 0
    const read = there ? spawnSync(shell, ['-n', '/dev/stdin'], { input: stdout, encoding: 'utf8' }) : null
    expect(read?.stderr ?? '').toBe('')
    expect(stdout).toContain('__complete --')
  })
})

describe('docs/command-line.md', () => {
  const text = readFileSync(join(top, 'docs', 'command-line.md'), 'utf8')

  it.each(forPeople.filter((name) => name !== 'completion'))('has the flags of %s as the program has them', (name) => {
    const table = text.split(`<!-- flags: ${name} -->\n\n`)[1]?.split('\n\n')[0] ?? ''
    const rows = table
      .split('\n')
      .slice(2)
      .map((row) =>
        row
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      )
    const options = program().commands.find((command) => command.name() === name)?.options ?? []
    expect(rows).toEqual(
      options.map((option) => [`\`${escaped(option.flags)}\``, escaped(option.description), defaultOf(option)]),
    )
  })

  it('names every command that people see', () => {
    for (const name of forPeople) expect(text).toContain(`## ${name}\n`)
  })

  const escaped = (words: string) => words.replaceAll('|', '\\|')
  const defaultOf = ({ defaultValue }: Option) =>
    defaultValue === undefined || typeof defaultValue === 'boolean' ? '' : `\`${String(defaultValue)}\``
})

test('what is logged where nobody says a level is for each command to say: dev has its own', () => {
  expect(environment({})).not.toHaveProperty('MILLRACE_LOG')
  expect(() => environment({ MILLRACE_LOG: 'loud' })).toThrow('must be debug, info, warn, error or silent')
})

test('without a kubeconfig it says so, and what to do', async () => {
  const { status, stderr } = await cli(['tree'], { env: { HOME: ownFolder(), KUBECONFIG: '' } })
  expect(stderr).toContain('no file that $KUBECONFIG names, nor ~/.kube/config; name one with --kubeconfig')
  expect(status).toBe(1)
})

describe('a reader who has seen enough, as head has, is no error', () => {
  const cached = { ...process.env, ...compileCache }
  /** Whose standard output nobody reads from here on. */
  async function unread(words: readonly string[]) {
    const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: cached })
    child.stdout.destroy()
    const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'close')])
    return { stderr, status: status as number | null }
  }

  it.each([['--help'], ['trace --help'], ['dev --help'], ['crds'], ['get --help']])('of %s', async (line) => {
    expect(await unread(line.split(' '))).toEqual({ stderr: '', status: 0 })
  })

  it('of dev, which ends, and takes its programs along', async () => {
    const folder = ownFolder()
    const command = 'echo $$ >pid; while sleep 0.1; do echo on; done'
    const metadata = { name: 'talks', annotations: { 'dev.millrace.dev/command': command } }
    const spec = { selector: {}, template: { spec: { containers: [{ name: 'talks', image: 'none' }] } } }
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }
    writeFileSync(join(folder, 'app.json'), JSON.stringify(deployment))
    const flags = ['--port', '0', '--display-port', '0', '--data', join(folder, 'data')]
    const child = spawn(process.execPath, [main, 'dev', '-f', join(folder, 'app.json'), ...flags], {
      stdio: 'pipe',
      env: cached,
    })
    const ended = Promise.all([text(child.stderr), once(child, 'close')])
    for await (const printed of createInterface({ input: child.stdout })) if (printed.endsWith('| on')) break
    child.stdout.destroy()
    expect(await ended).toEqual(['', [0, null]])
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    // without a parent it is there until process 1 takes notice of its end
    await eventually('its program has ended', () => !existsSync(`/proc/${pid}`))
  })
})
