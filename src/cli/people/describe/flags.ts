import { z } from 'zod'
import { namespace, UsageError } from '../../flags.ts'
import { clusterFlags, readTyped } from '../flags.ts'
import { objectsNamed } from '../kinds.ts'

const DescribeFlags = z.strictObject({
  ...clusterFlags,
  systemNamespace: namespace,
  kind: z.string(),
  name: z.array(z.string()).default([]),
  output: z.enum(['text', 'json', 'yaml'], { error: 'must be text, json or yaml' }),
})

/** Flags of `describe`, with the objects that were asked for. */
export type DescribeFlags = ReturnType<typeof describeFlags>

/** @throws UsageError with every problem at once. */
export function describeFlags(typed: unknown) {
  const { kind, name, ...flags } = readTyped(DescribeFlags, typed, ['kind', 'name'])
  const asked = objectsNamed([kind, ...name]).flatMap(({ kinds: [only, ...more], name: which }) => {
    if (only === undefined || more.length > 0) throw new UsageError('describe takes one kind at a time')
    const example = `millrace describe ${only.resource.kind.toLowerCase()} NAME; those that there are: millrace get ${only.resource.plural}`
    if (which === undefined) throw new UsageError(`NAME is missing: ${example}`)
    return [{ kind: only, name: which }]
  })
  return { ...flags, asked }
}
