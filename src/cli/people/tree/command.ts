import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { collect, runs, withCluster, withNamespace, withSystemNamespace, type Said } from '../command.ts'

/** The way of events as a tree. */
export function addTree(millrace: Command, said: Said): void {
  const command = millrace
    .command('tree')
    .description('Show the way of events: sources, Brokers, Triggers, subscribers, dead letter sinks, and how each is.')
  withSystemNamespace(withNamespace(withCluster(command), 'that of the context; with --filename default'))
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-f, --filename <file|folder|->', 'of manifests instead of a cluster (may be repeated)', collect)
    .option('-o, --output <format>', 'text, json or yaml', 'text')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { treeFlags } = await import('./flags.ts')
    const flags = treeFlags(typed)
    const { tree } = await import('./tree.ts')
    return tree(flags, environment())
  })
}

const help = `
How many events wait is said by Outlets in the system namespace, some seconds late. Whoever may not read them sees all the rest.

Exit code 0: also when something is not Ready; 1: the cluster refuses, or a manifest has an error; 2: the command is wrong.

Examples:
  millrace tree
  millrace tree -A
  millrace tree -f manifests/
  millrace tree -n shop -o json | jq '.brokers[].triggers[] | select(.lag > 100)'`
