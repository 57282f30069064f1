import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { runs, withCluster, withNamespace, withSystemNamespace, type Said } from '../command.ts'

/** Says how an object is, in sentences: what blocks it, what to do, what belongs to it. */
export function addDescribe(millrace: Command, said: Said): void {
  const command = millrace
    .command('describe')
    .description('Explain how an object is: its conditions, what blocks it and what to do, what belongs to it.')
    .argument('<kind>', 'broker, trigger, sinkbinding, kafkasource, inlet, outlet or worker; or KIND/NAME')
    .argument('[name...]', 'which')
  withSystemNamespace(withNamespace(withCluster(command)))
    .option('-o, --output <format>', 'text, json or yaml', 'text')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { describeFlags } = await import('./flags.ts')
    const flags = describeFlags(typed)
    const { describe } = await import('./describe.ts')
    return describe(flags, environment())
  })
}

const help = `
Outlets (in the system namespace) say how far deliveries are. Whoever may not read them is told all the rest.

Exit code 0: also when it is not Ready; 1: it does not exist, or the cluster refuses; 2: the command is wrong.

Examples:
  millrace describe trigger orders -n shop
  millrace describe broker/default
  millrace describe sinkbinding shop-to-default -o json | jq .blockedBy`
