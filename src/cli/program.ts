import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { Fault } from '../core/fault.ts'
import { exitCodes } from './exit-codes.ts'
import { checkFlags, crdsFlags, devFlags, environment, preflightFlags, UsageError } from './flags.ts'
import { endWithReader } from './broken-pipe.ts'
import { addCesql } from './cesql/command.ts'
import { addMatch } from './match/command.ts'
import { addPeople } from './people/people.ts'
import { addController } from './controller/command.ts'
import { addViewer } from './viewer.ts'
import { addWorkers } from './worker-commands.ts'

const collect = (value: string, all: string[]) => [...all, value]

/** Runs the command line. Returns the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  endWithReader()
  try {
    await program().parseAsync([...argv])
    return exitCodes.fine
  } catch (error) {
    if (error instanceof CommanderError) return codeOf(error)
    console.error(sentence(error))
    return error instanceof UsageError ? exitCodes.usage : exitCodes.problem
  }
}

/** Ours end with the code that they mean; those of the library, which has said what is wrong with the command, with 1 or 0 (help). */
function codeOf({ code, exitCode }: CommanderError): number {
  return code.startsWith('commander.') && exitCode !== exitCodes.fine ? exitCodes.usage : exitCode
}

/** All commands. Exported for who compares the documentation with them. */
export function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const millrace = new Command('millrace')
    .description('The Knative Eventing API on Apache Kafka.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('Try: millrace --help')
    .configureHelp({ sortSubcommands: true })
    .addHelpText(
      'after',
      '\nLogs: MILLRACE_LOG=debug|info|warn|error|silent (default warn, dev: error), JSON lines on standard error.',
    )
  addDev(millrace)
  addManifestTools(millrace)
  addCesql(millrace)
  addMatch(millrace, sentence)
  addPeople(millrace, sentence)
  addController(millrace)
  addWorkers(millrace)
  addPreflight(millrace)
  addViewer(millrace)
  return millrace
}

/** Most who name files without a flag mean manifests. @throws UsageError */
function refuseBareFiles(command: string, files: readonly string[]): void {
  if (files.length === 0) return
  const meant = files.map((file) => `-f ${file}`).join(' ')
  throw new UsageError(`files are named with -f: millrace ${command} ${meant}`)
}

function addDev(millrace: Command): void {
  millrace
    .command('dev')
    .description('Run Brokers and Triggers on this machine: no cluster, no Kafka needed.')
    .option(
      '-f, --filename <file|folder>',
      'manifests to apply; saving a file applies it again (may be repeated)',
      collect,
      [],
    )
    .option('--data <folder>', 'where the embedded log keeps events and positions', '.millrace')
    .option('--kafka <host:port>', 'use this Kafka instead of the embedded log')
    .option('--port <port>', 'port of the ingress', '8080')
    .option('--display-port <port>', 'port of the page that shows events of all Services that are not mapped', '8090')
    .option('--metrics-port <port|off>', 'port of GET /metrics for Prometheus (0: any free one)', '0')
    .option('--tracing-endpoint <url|off>', 'collector of traces, OTLP over HTTP, e.g. http://localhost:4318')
    .option('--tracing-sampling-rate <rate>', 'of new traces keep so many, 0 to 1 (default: 1)')
    .option(
      '--tracing-credentials <folder>',
      'what the collector wants to see: headers (name=value, a line each), ca.crt',
    )
    .option('--service <name[.namespace]=url>', 'where a Service is on this machine (may be repeated)', collect, [])
    .option('-n, --namespace <name>', 'namespace of manifests that name none', 'default')
    .option('--fsync <full|off>', 'embedded log: full survives a power cut, off only a crash of the process', 'full')
    .option('--retention-mib <n>', 'embedded log: keep at most this much of each topic', '1024')
    .option('--retention-hours <n>', 'embedded log: keep events this long', '168')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace dev -f examples/hello\n  millrace dev -f app.yaml --service orders=http://localhost:3000\n  millrace dev -f app.yaml --kafka localhost:9092',
    )
    .allowExcessArguments()
    .action(async (options: unknown, { args }: Command) => {
      refuseBareFiles('dev', args)
      const flags = devFlags(options)
      const { dev } = await import('./dev/dev.ts')
      await dev(flags, environment())
    })
}

function addManifestTools(millrace: Command): void {
  millrace
    .command('check')
    .description(
      'Say what is wrong in manifests, in plain words, without applying them. Exit code 1: there is an error.',
    )
    .option('-f, --filename <file|folder|->', 'manifests; - reads standard input (may be repeated)', collect, [])
    .option('-n, --namespace <name>', 'namespace of manifests that name none', 'default')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace check -f app.yaml\n  millrace check -f config/ -f triggers.yaml\n  kustomize build . | millrace check -f -',
    )
    .allowExcessArguments()
    .action(async (options: unknown, { args }: Command) => {
      refuseBareFiles('check', args)
      const flags = checkFlags(options)
      const { check } = await import('./check.ts')
      if (!check(flags)) throw new CommanderError(1, 'millrace.check', 'there is an error in a manifest')
    })
  millrace
    .command('crds')
    .description('Print the CustomResourceDefinitions, or write them into a folder, a file each.')
    .option('--out <folder>', 'where to write them')
    .option('--compare <folder>', 'write nothing; exit code 1: what is in this folder is not what would be written')
    .addHelpText('after', '\nExamples:\n  millrace crds | kubectl apply -f -\n  millrace crds --out crds')
    .action(async (options: unknown) => {
      const { out, compare } = crdsFlags(options)
      const { crds, staleFiles } = await import('./crds.ts')
      if (compare === undefined) return crds(out)
      const stale = staleFiles(compare)
      for (const file of stale) console.log(`${file} is stale: millrace crds --out ${compare}`)
      if (stale.length > 0) throw new CommanderError(1, 'millrace.crds', 'stale files')
    })
}

function addPreflight(millrace: Command): void {
  millrace
    .command('preflight')
    .description('Say whether another manager of Brokers and Triggers is installed. Exit code 1: there is one.')
    .option('--kubeconfig <file>', 'which cluster (default: KUBECONFIG, ~/.kube/config)')
    .option('-n, --namespace <name>', 'the system namespace', 'knative-eventing')
    .action(async (options: unknown) => {
      const flags = preflightFlags(options)
      const { preflight } = await import('./preflight.ts')
      await preflight(flags)
    })
}

/** What went wrong, for people, in one line: our own errors speak for themselves, those of the system get a hint. */
function sentence(error: unknown): string {
  if (error instanceof UsageError) return `error: ${error.message.replaceAll('\n', '\nerror: ')}\nTry: millrace --help`
  if (error instanceof Fault) return `error: ${error.message}`
  return `error: ${ofSystem(error as SystemError) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))}`
}

type SystemError = NodeJS.ErrnoException & { readonly port?: number; readonly address?: string }

const ofSystem = (error: SystemError): string | null => hints[error.code ?? '']?.(error) ?? null

const hints: Readonly<Record<string, (error: SystemError) => string>> = {
  EADDRINUSE: ({ port }) =>
    `port ${port} is in use by another process: stop it, or choose another with --port, --display-port or --health-port`,
  EADDRNOTAVAIL: ({ address }) => `${address} is no address of this machine: correct --host`,
  EACCES: ({ port, path }) =>
    port === undefined ? `no permission for ${path}` : `no permission for port ${port}: choose one above 1023`,
  ENOENT: ({ path }) => `${path} does not exist`,
}
