import type { Argument, Command, Option } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import { code, page, table, type Row } from './markdown.ts'

/** docs/reference/commands.md. @param millrace with all commands; handed in, since it may come to import what is here. */
export function commandsPage(millrace: Command): string {
  const shown = millrace.commands.filter((command) => !isHidden(command)).toSorted(byName)
  return page(
    '# Commands',
    'Every command of `millrace`, with its flags, as `millrace COMMAND --help` shows them. What they are for, with examples: [command-line.md](../command-line.md); the processes of a cluster: [operations.md](../operations.md).',
    table(
      ['command', ''],
      shown.map((command) => [`[${code(command.name())}](#${command.name()})`, command.description()]),
    ),
    ...shown.flatMap(commandParts),
    '## Exit codes',
    table(['code', 'meaning'], codes),
  )
}

/** What commander hides from `--help`. */
const isHidden = (command: Command): boolean => (command as unknown as { _hidden?: boolean })._hidden === true

const byName = (a: Command, b: Command): number => (a.name() < b.name() ? -1 : 1)

function commandParts(command: Command): readonly string[] {
  const usage = [command.name(), ...command.registeredArguments.map(argumentText), '[flags]'].join(' ')
  const visible = command.options.filter(({ hidden }) => !hidden)
  const flags =
    visible.length === 0 ? 'It has no flags.' : table(['flag', 'what it says', 'default'], visible.map(flagRow))
  return [
    `## ${command.name()}`,
    `${code(`millrace ${usage}`)}: ${command.description()}`,
    ...argumentPart(command),
    flags,
  ]
}

function argumentText(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name()
  return argument.required ? `<${name}>` : `[${name}]`
}

function argumentPart({ registeredArguments }: Command): readonly string[] {
  const told = registeredArguments.filter(({ description }) => description !== '')
  if (told.length === 0) return []
  return [
    table(
      ['argument', 'what it says'],
      told.map((argument) => [code(argumentText(argument)), argument.description]),
    ),
  ]
}

function flagRow({ flags, description, defaultValue }: Option): Row {
  const told = defaultValue === undefined || typeof defaultValue === 'boolean' || isEmpty(defaultValue)
  return [code(flags), description, told ? '' : code(String(defaultValue))]
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const codes: readonly Row[] = [
  [String(exitCodes.fine), 'fine; a worker was told to end and has drained'],
  [
    String(exitCodes.problem),
    'a problem, which was said: not accepted, does not exist, not Ready, the cluster refuses, a port in use, a folder that is locked; of `match`: some event does not pass; of `check`: a manifest with an error; of `preflight`: another manager; of `crds --compare`: a stale file',
  ],
  [String(exitCodes.usage), 'the command is wrong (a flag, a file that holds no event), and nothing was done'],
]
