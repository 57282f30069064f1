import type { Command } from 'commander'
import { runs, withCluster, withNamespace, type Said } from '../command.ts'

/** Objects of all our kinds, in columns or for machines. */
export function addGet(millrace: Command, said: Said): void {
  const command = millrace
    .command('get')
    .description(
      'Show objects of a kind: brokers, triggers, sinkbindings, kafkasources, inlets, outlets, workers, or all.',
    )
    .argument('<kind>', 'a kind, several with commas, all (what users write), or KIND/NAME')
    .argument('[name...]', 'only these')
  withNamespace(withCluster(command), 'that of the context; for inlets, outlets and workers knative-eventing')
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-l, --selector <labels>', 'only those with these labels, e.g. app=shop')
    .option('-o, --output <format>', 'table, wide, json, yaml or name', 'table')
    .option('-w, --watch', 'go on and show what changes; with json, yaml and name each object as it changes')
    .option('--no-headers', 'no line with the names of the columns')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { getFlags } = await import('./flags.ts')
    const flags = getFlags(typed)
    const { get } = await import('./get.ts')
    return get(flags)
  })
}

const help = `
Columns are those that the API server has for the kind, as kubectl prints them. With json, one object is printed as itself, several as a List; with
json and --watch, an object a line. kubectl get and kn work just as well.

Exit code 0: also when there is none; 1: one that was named does not exist, or the cluster refuses; 2: the command is wrong.

Examples:
  millrace get triggers -n shop
  millrace get all -A
  millrace get trigger orders -o yaml
  millrace get brokers,triggers -w
  millrace get outlets -o wide                What the dispatchers were told, and how they are`
