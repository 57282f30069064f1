import { CommanderError, type Command } from 'commander'
import { matchFlags } from '../flags.ts'

/** Codes as `grep` has them: a script must tell "does not pass" from "was not asked". */
const exitCodes = { 'all pass': 0, 'some do not': 1, 'bad input': 2 } as const

/** Would a Trigger pass an event? Without a cluster and without Kafka. @param said how errors are told to people. */
export function addMatch(millrace: Command, said: (error: unknown) => string): void {
  const collect = (value: string, all: string[]): string[] => [...all, value]
  millrace
    .command('match')
    .description('Say whether Triggers would pass an event, and which part of their filter decided.')
    .option(
      '-f, --filename <file|folder|->',
      'manifests with Triggers; - reads standard input (may be repeated)',
      collect,
      [],
    )
    .option('-e, --event <file|->', 'the event, in JSON; - reads standard input (may be repeated)', collect, [])
    .option('-n, --namespace <name>', 'namespace of manifests that name none', 'default')
    .option('-o, --output <text|json>', 'json: a line of JSON for each event and Trigger', 'text')
    .addHelpText('after', help)
    .action(async (options: unknown) => {
      const code = await exitCode(options, said)
      if (code !== 0) throw new CommanderError(code, 'millrace.match', 'not all pass')
    })
}

async function exitCode(options: unknown, said: (error: unknown) => string): Promise<number> {
  try {
    const flags = matchFlags(options)
    const { match } = await import('./match.ts')
    return exitCodes[match(flags)]
  } catch (error) {
    console.error(said(error))
    return exitCodes['bad input']
  }
}

const help = `
The event is one in the JSON format of CloudEvents, an array of them, or one a line; it is checked as the ingress checks it. Other
objects in the manifests are left alone. Extensions that the ingress adds (knativearrivaltime) are not there.

Exit code 0: each Trigger passes each event; 1: some do not; 2: the command, a manifest or an event is wrong.

Examples:
  millrace match -f trigger.yaml -e event.json
    Trigger default/orders: passes: filters[0].prefix.type: "order.created" begins with "order."
    Trigger default/bills: does not pass: filters[0].exact.type: "order.created" is not "bill.paid"
  kubectl get triggers -n shop -o yaml | millrace match -f - -e event.json
  millrace match -f triggers/ -e events.jsonl -o json | jq 'select(.passes)'`
