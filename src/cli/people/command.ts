import { CommanderError, type Command } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import { UsageError } from '../flags.ts'
import { plainText } from './output/plain-text.ts'

/** How errors are told to people. */
export type Said = (error: unknown) => string

/** Options and arguments as they were typed, by name. */
type Typed = Readonly<Record<string, unknown>>

/**
 * What a command does. False: there is a problem, and it was said.
 * @throws UsageError: the command is wrong; anything else: a problem.
 */
type Act = (typed: Typed) => Promise<boolean>

/** Gives a command what it does, and how its mistakes are told. */
export function runs(command: Command, said: Said, act: Act): Command {
  const help = `Try: millrace ${command.name()} --help`
  return command.showHelpAfterError(help).action(async (...all: unknown[]) => {
    if (!process.stdout.listeners('error').includes(endQuietly)) process.stdout.on('error', endQuietly)
    const self = all.at(-1) as Command
    const code = await codeOf(act, typedIn(self), { said, help })
    if (code !== exitCodes.fine) throw new CommanderError(code, `millrace.${command.name()}`, 'it was said why')
  })
}

function typedIn(command: Command): Typed {
  const given = command.processedArgs as readonly unknown[]
  const positional = command.registeredArguments.map((argument, at) => [argument.name(), given[at]] as const)
  return Object.fromEntries([...Object.entries(command.opts()), ...positional])
}

async function codeOf(act: Act, typed: Typed, { said, help }: { said: Said; help: string }): Promise<number> {
  try {
    return (await act(typed)) ? exitCodes.fine : exitCodes.problem
  } catch (error) {
    if (!(error instanceof UsageError)) {
      console.error(plainText(said(error)))
      return exitCodes.problem
    }
    console.error(`error: ${plainText(error.message).replaceAll('\n', '\nerror: ')}\n${help}`)
    return exitCodes.usage
  }
}

/** Whoever reads us may have seen enough: `millrace get brokers | head -1`. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(exitCodes.fine)
  throw error
}

/** Which cluster, as kubectl has it. */
export function withCluster(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the cluster (default: KUBECONFIG, ~/.kube/config)')
    .option('--context <name>', 'the context of the kubeconfig (default: its current one)')
}

/** Which namespace. @param fallback in words: what is meant without it. */
export function withNamespace(command: Command, fallback = 'that of the context'): Command {
  return command.option('-n, --namespace <name>', `the namespace (default: ${fallback})`)
}

/** Where Inlets, Outlets and Workers stand. */
export function withSystemNamespace(command: Command): Command {
  return command.option('--system-namespace <name>', 'where Millrace itself is installed', 'knative-eventing')
}

/** For options that may be repeated. */
export const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value]
