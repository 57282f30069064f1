import { z } from 'zod'
import { namespace, UsageError } from '../../flags.ts'
import { clusterFlags, given, pairs, readTyped, time } from '../flags.ts'
import { sinkOf, subjectOf } from './ends.ts'

const BindFlags = z
  .strictObject({
    ...clusterFlags,
    source: given,
    sink: given,
    selector: given.optional(),
    sinkNamespace: namespace.optional(),
    path: z.string().regex(/^\//, 'must begin with /').optional(),
    name: given.optional(),
    envPrefix: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]{0,62}$/, 'must be capital letters, digits and _, e.g. ORDERS_')
      .optional(),
    ceOverride: pairs('tenant=shop'),
    remove: z.boolean().default(false),
    dryRun: z.enum(['none', 'client', 'server'], { error: 'must be none, client or server' }),
    wait: z.boolean(),
    timeout: time,
    output: z.enum(['text', 'json', 'yaml', 'name'], { error: 'must be text, json, yaml or name' }),
  })
  .refine(({ remove, dryRun }) => !remove || dryRun === 'none', {
    path: ['dryRun'],
    error: 'is of no use beside --remove',
  })

/** Flags of `bind`, both ends understood. */
export type BindFlags = ReturnType<typeof bindFlags>

/** @throws UsageError with every problem at once. */
export function bindFlags(typed: unknown) {
  const { source, sink, ...flags } = readTyped(BindFlags, typed, ['source', 'sink'])
  const ends = { subject: subjectOf(source, flags.selector), sink: sinkOf(sink, flags) }
  const problems = Object.values(ends).filter((end) => typeof end === 'string')
  if (typeof ends.subject === 'string' || typeof ends.sink === 'string') throw new UsageError(problems.join('\n'))
  return { ...flags, subject: ends.subject, sink: ends.sink }
}
