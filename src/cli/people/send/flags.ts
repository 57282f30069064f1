import { z } from 'zod'
import { UsageError } from '../../flags.ts'
import { clusterFlags, given, httpUrl, pairs, readTyped, time, wholeNumber } from '../flags.ts'

const SendFlags = z.strictObject({
  ...clusterFlags,
  broker: given.optional(),
  url: httpUrl.optional(),
  dev: httpUrl,
  type: given.optional(),
  source: given,
  id: given.optional(),
  subject: given.optional(),
  time: given.optional(),
  extension: pairs('partitionkey=42'),
  data: z.string().optional(),
  dataFile: given.optional(),
  contentType: given.optional(),
  event: given.optional(),
  batch: given.optional(),
  structured: z.boolean().default(false),
  count: wholeNumber(1),
  rate: z.coerce.number({ error: 'is not a number' }).positive('must be more than 0').optional(),
  concurrency: wholeNumber(1).max(256, 'must be 256 or less'),
  retry: wholeNumber(0),
  timeout: time,
  output: z.enum(['text', 'json'], { error: 'must be text or json' }),
})
export type SendFlags = z.output<typeof SendFlags>

/** @throws UsageError with every problem at once. */
export function sendFlags(typed: unknown): SendFlags {
  const flags = readTyped(SendFlags, typed, ['broker'])
  const problems = [...problemsOfTarget(flags), ...problemsOfEvent(flags)]
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return { ...flags, ...(flags.broker === undefined ? {} : { broker: flags.broker.replace(/^brokers?\//i, '') }) }
}

function problemsOfTarget({ broker, url }: SendFlags): readonly string[] {
  if (broker !== undefined && url !== undefined) return ['--url is of no use beside BROKER']
  if (broker === undefined && url === undefined) return ['BROKER is missing: name one, e.g. default, or a --url']
  return broker?.replace(/^brokers?\//i, '').includes('/') === true
    ? [`BROKER must be NAME or broker/NAME, not ${JSON.stringify(broker)}; its namespace is said with -n`]
    : []
}

function problemsOfEvent(flags: SendFlags): readonly string[] {
  const { type, event, batch, data, dataFile } = flags
  const sources = [type, event, batch].filter((each) => each !== undefined)
  if (sources.length === 0) return ['--type is missing: what happened, e.g. --type order.created; or --event FILE']
  if (event !== undefined && batch !== undefined) return ['--batch is of no use beside --event']
  const file = event === undefined ? '--batch' : '--event'
  const problems = sources.length > 1 ? [`--type is of no use beside ${file}: the events there have one`] : []
  if (data !== undefined && dataFile !== undefined) problems.push('--data-file is of no use beside --data')
  if (type === undefined) problems.push(...uselessBeside(file, flags))
  if (batch !== undefined && flags.structured) problems.push('--structured is of no use beside --batch')
  return problems
}

/** Whole events say all of that themselves. */
function uselessBeside(file: string, flags: SendFlags): readonly string[] {
  const { id, subject, time: at, data, dataFile, contentType, extension, count } = flags
  const said = { id, subject, time: at, data, 'data-file': dataFile, 'content-type': contentType }
  const names = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (Object.keys(extension).length > 0) names.push('extension')
  if (count > 1) names.push('count')
  return names.map((name) => `--${name} is of no use beside ${file}: the events there are sent as they are`)
}
