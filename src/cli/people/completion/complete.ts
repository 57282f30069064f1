import type { Command, Option } from 'commander'
import { namesOf, namespacesOf } from './names.ts'
import { kindWords } from '../kinds.ts'

/** What may stand for the last of `words`. @see scripts */
export async function complete(millrace: Command, words: readonly string[]): Promise<readonly string[]> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const line = readLine(millrace, before)
  const candidates = await candidatesFor(line, current, millrace)
  return candidates.filter((candidate) => candidate === files || candidate.startsWith(current))
}

const files = ':files'

/** What stands before the word that is completed. */
interface Line {
  /** Null: no command is named yet. */
  readonly command: Command | null
  /** Something that is no command stands in its place. */
  readonly unknown: boolean
  /** What is no flag and no value of one. */
  readonly positional: readonly string[]
  /** Flags with their values, by their long names. */
  readonly values: ReadonlyMap<string, string>
  /** The flag whose value comes next. */
  readonly open: Option | null
}

function readLine(millrace: Command, words: readonly string[]): Line {
  const command = millrace.commands.find((each) => each.name() === words[0]) ?? null
  const positional: string[] = []
  const values = new Map<string, string>()
  let open: Option | null = null
  for (const word of command === null ? [] : words.slice(1)) {
    if (open !== null) {
      values.set(open.long ?? '', word)
      open = null
    } else if (word.startsWith('-') && word !== '-') open = openedBy(word, command, values)
    else positional.push(word)
  }
  return { command, unknown: command === null && words.length > 0, positional, values, open }
}

/** `--flag` or `-f` waits for its value, `--flag=value` has it. */
function openedBy(word: string, command: Command | null, values: Map<string, string>): Option | null {
  const [name, value] = word.split('=', 2)
  const option = command?.options.find(({ long, short }) => long === name || short === name)
  if (option === undefined || !option.required) return null
  if (value === undefined) return option
  values.set(option.long ?? '', value)
  return null
}

async function candidatesFor(line: Line, current: string, millrace: Command): Promise<readonly string[]> {
  const { command, open } = line
  if (open !== null) return valuesOf(open, line)
  if (command === null && line.unknown) return []
  if (command === null) return current.startsWith('-') ? flagsOf(millrace) : commandsOf(millrace)
  if (current.startsWith('-')) return flagsOf(command)
  return positionalOf(command, line, current)
}

function commandsOf(millrace: Command): readonly string[] {
  const shown = millrace.commands.filter((each) => !each.name().startsWith('_'))
  return shown.map((each) => `${each.name()}\t${each.description()}`).sort()
}

function flagsOf(command: Command): readonly string[] {
  const own = command.options.map(({ long, short, description }) => `${long ?? short ?? ''}\t${description}`)
  return [...own, '--help\tflags and examples']
}

/** Words that a description offers: `text, json or yaml`. */
function wordsIn(description: string): readonly string[] {
  const [list = ''] = description.split(/[;:(]/)
  const words = list.split(/, | or /).map((word) => word.trim())
  return words.length > 1 && words.every((word) => /^[a-z]+$/.test(word)) ? words : []
}

async function valuesOf(option: Option, line: Line): Promise<readonly string[]> {
  switch (option.long ?? '') {
    case '--namespace':
    case '--system-namespace':
    case '--sink-namespace':
      return namespacesOf(line.values)
    case '--broker':
      return namesOf('broker', line.values)
    case '--output':
      return wordsIn(option.description.replace(': a line of JSON for each event', ''))
    default:
      return /<[^>]*(file|folder)/.test(option.flags)
        ? [files]
        : (/<([a-z]+(?:\|[a-z]+)+)>/.exec(option.flags)?.[1]?.split('|') ?? [])
  }
}

const workloads = ['deployment/', 'statefulset/', 'daemonset/', 'cronjob/', 'job/', 'ksvc/']

async function positionalOf(
  command: Command,
  { positional, values }: Line,
  current: string,
): Promise<readonly string[]> {
  const at = positional.length
  const kinds = async (offered: readonly string[], slash: boolean) => {
    if (!current.includes('/')) return slash ? offered.map((kind) => `${kind}/`) : offered
    const [kind = ''] = current.split('/')
    return (await namesOf(kind, values)).map((name) => `${kind}/${name}`)
  }
  switch (command.name()) {
    case 'get':
    case 'describe':
      if (at > 0) return namesOf(positional[0] ?? '', values)
      return kinds(
        command.name() === 'get'
          ? kindWords
          : kindWords.filter((word) => word !== 'all').map((word) => word.slice(0, -1)),
        false,
      )
    case 'send':
      return at === 0 ? namesOf('broker', values) : []
    case 'tail':
      return at === 0 ? kinds(['broker', 'trigger'], true) : []
    case 'bind':
      if (at === 0) return current.includes('/') ? kinds([], true) : workloads
      return at === 1 ? kinds(['broker', 'service', 'ksvc'], true) : []
    default:
      return command.registeredArguments[at]?.argChoices ?? []
  }
}
