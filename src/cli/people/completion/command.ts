import { Argument, type Command } from 'commander'
import { runs, type Said } from '../command.ts'

/** Completion for shells: a script for each, and the hidden command that the scripts ask. */
export function addCompletion(millrace: Command, said: Said): void {
  const command = millrace
    .command('completion')
    .description('Print the script that makes a shell complete commands, flags, kinds and names of objects.')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', help)
  runs(command, said, async ({ shell }) => {
    const { scripts } = await import('./scripts.ts')
    console.log(scripts[shell as keyof typeof scripts])
    return true
  })
  const asked = millrace.command('__complete', { hidden: true }).argument('[words...]').helpOption(false)
  runs(asked, said, async ({ words }) => {
    const { complete } = await import('./complete.ts')
    for (const line of await complete(millrace, words as readonly string[])) console.log(line)
    return true
  })
}

const help = `
Names of objects are asked of the cluster that is meant, for three seconds at most.

Examples:
  source <(millrace completion bash)                     in this bash; in ~/.bashrc: in each
  millrace completion zsh > "\${fpath[1]}/_millrace"       zsh, once
  millrace completion fish > ~/.config/fish/completions/millrace.fish`
