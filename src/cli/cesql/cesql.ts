import type { Writable } from 'node:stream'
import type { CesqlResult } from '../../event/cesql/expression.ts'
import { isCesqlError, parseCesql } from '../../event/cesql/parse.ts'
import { readEventFile } from '../event-file.ts'
import { UsageError, type CesqlFlags } from '../flags.ts'
import { linesOf } from '../json-lines.ts'
import { answerLine, evaluate, readJson } from './answer.ts'
import { attributesOf } from './attributes.ts'

/**
 * `millrace cesql`: evaluates CloudEvents SQL, a line of answer for each line of input, in order and as soon as it is there.
 *
 *     standard input ──► line ──► {"expression", "event"} ──► evaluate ──► {"value", "error"} ──► standard output, no faster than it is read
 *
 * @throws the system's error when the input or a file cannot be read; UsageError when the file has no event.
 */
export async function cesql({ expression, event }: CesqlFlags): Promise<void> {
  const output = process.stdout
  output.on('error', unwritable)
  if (expression !== undefined) return once(expression, event, output)
  let number = 0
  for await (const line of linesOf(process.stdin)) await write(output, answerLine(line, ++number))
}

async function once(expression: string, file: string | undefined, output: Writable): Promise<void> {
  const attributes = attributesOf(file === undefined ? {} : readEvent(file))
  if (typeof attributes === 'string') throw new UsageError(`--event: ${file}: ${attributes}`)
  const parsed = parseCesql(expression)
  if (!isCesqlError(parsed)) for (const notice of parsed.notices) console.error(`notice: ${notice}`)
  await write(output, evaluate(expression, attributes))
}

function readEvent(file: string): object {
  const read = readJson(readEventFile(file))
  if ('problem' in read) throw new UsageError(`--event: ${file} ${read.problem}`)
  return read.object
}

async function write(output: Writable, { value, error }: CesqlResult): Promise<void> {
  if (output.write(`${JSON.stringify({ value, error })}\n`)) return
  await new Promise<void>((resolve) => output.once('drain', resolve))
}

/** Whoever read our answers and goes has what they wanted (`| head -1`): that is no error. */
function unwritable({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit(0)
  console.error(`error: the answers cannot be written: ${message}`)
  process.exit(1)
}
