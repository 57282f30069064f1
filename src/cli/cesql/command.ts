import type { Command } from 'commander'
import { cesqlFlags } from '../flags.ts'

/** Expressions of CloudEvents SQL, without a cluster and without Kafka. */
export function addCesql(millrace: Command): void {
  millrace
    .command('cesql')
    .description('Evaluate CloudEvents SQL 1.0: a line of JSON out for each line of JSON in.')
    .option('--expression <expression>', 'evaluate this one, and read no lines')
    .option('--event <file|->', 'the event for --expression, in JSON; - reads standard input (default: no attributes)')
    .addHelpText('after', help)
    .action(async (options: unknown) => {
      const flags = cesqlFlags(options)
      const { cesql } = await import('./cesql.ts')
      await cesql(flags)
    })
}

const help = `
In:   {"expression": "...", "event": {...}}   an expression, and an event in the JSON format of CloudEvents; no event: no attributes
Out:  {"value": ..., "error": ...}            a boolean, a whole number or a string, and null or {"class": "...", "message": "..."}

Both may be there: an expression in error has the zero value of its type (false, 0 or ""). Classes: parse, math, cast, missingFunction,
functionEvaluation, missingAttribute, generic. A parse error has the value false, and "position", the character where it is. A line that is no
such object has the value false and an error of class generic that names it; the next line is read all the same. Booleans and whole numbers of
the event keep their types; events that come through Kafka have strings only. The data of an event cannot be reached. A filter passes on the
value true without error, and on nothing else. Exit code 0 also with errors in answers; 1: the input could not be read; 2: the
command is wrong.

Examples:
  echo '{"expression": "INT(n) > 1", "event": {"n": "2"}}' | millrace cesql
                                              {"value":true,"error":null}
  echo '{"expression": "5 / 0"}' | millrace cesql
                                              {"value":0,"error":{"class":"math","message":"5 / 0 divides by zero"}}
  millrace cesql --expression "type LIKE 'order.%'" --event event.json`
