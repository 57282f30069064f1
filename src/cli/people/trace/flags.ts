import { z } from 'zod'
import { namespace, UsageError } from '../../flags.ts'
import { clusterFlags, given, httpUrl, readTyped, time } from '../flags.ts'

/** Where `millrace dev` has its display, unless it is told otherwise. */
export const usualDisplay = 'http://127.0.0.1:8090'

const usualSinceMs = 3_600_000
/** Of --at, before and after, milliseconds. */
const aroundMs = 600_000

const TraceFlags = z.strictObject({
  ...clusterFlags,
  systemNamespace: namespace,
  id: given,
  source: given.optional(),
  broker: given.optional(),
  topic: given.optional(),
  follow: z.boolean().default(false),
  since: time.optional(),
  at: z
    .string()
    .refine(
      (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
      'must be a time such as 2026-11-22T09:30:00Z',
    )
    .transform((text) => Date.parse(text))
    .optional(),
  display: httpUrl,
  output: z.enum(['text', 'wide', 'json', 'yaml'], { error: 'must be text, wide, json or yaml' }),
})

/** Flags of `trace`. */
export type TraceFlags = ReturnType<typeof traceFlags>

/** @throws UsageError with every problem at once. */
export function traceFlags(typed: unknown) {
  const { broker, ...flags } = readTyped(TraceFlags, typed, ['id'])
  const name = broker?.replace(/^brokers?\//i, '')
  const problems = [
    ...(name?.includes('/') === true
      ? [`--broker must be NAME or broker/NAME, not ${JSON.stringify(broker)}; its namespace is said with -n`]
      : []),
    ...(name !== undefined && flags.topic !== undefined ? ['--topic is of no use beside --broker'] : []),
    ...(flags.at !== undefined && flags.since !== undefined ? ['--since is of no use beside --at'] : []),
  ]
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return { ...flags, ...(name === undefined ? {} : { broker: name }) }
}

/** Milliseconds since 1970. */
interface Span {
  readonly since: number
  /** Absent: up to now. */
  readonly until?: number
}

/** Which time of Kafka is searched. */
export function spanOf({ since = usualSinceMs, at }: Pick<TraceFlags, 'since' | 'at'>, now: number): Span {
  return at === undefined
    ? { since: Math.max(0, now - since) }
    : { since: Math.max(0, at - aroundMs), until: at + aroundMs }
}
