import { z } from 'zod'
import { UsageError } from '../../flags.ts'
import { clusterFlags, given, readTyped } from '../flags.ts'
import { objectsNamed } from '../kinds.ts'

const GetFlags = z
  .strictObject({
    ...clusterFlags,
    kind: z.string(),
    name: z.array(z.string()).default([]),
    allNamespaces: z.boolean().default(false),
    selector: given.optional(),
    output: z.enum(['table', 'wide', 'json', 'yaml', 'name'], { error: 'must be table, wide, json, yaml or name' }),
    watch: z.boolean().default(false),
    headers: z.boolean(),
  })
  .refine(({ allNamespaces, namespace }) => !allNamespaces || namespace === undefined, {
    path: ['allNamespaces'],
    error: 'is of no use beside --namespace',
  })

/** Flags of `get`, with the kinds and names that were asked for. */
export type GetFlags = ReturnType<typeof getFlags>

/** @throws UsageError with every problem at once. */
export function getFlags(typed: unknown) {
  const { kind, name, ...flags } = readTyped(GetFlags, typed, ['kind', 'name'])
  const asked = objectsNamed([kind, ...name])
  const named = asked.some((each) => each.name !== undefined)
  if (named && flags.allNamespaces)
    throw new UsageError('--all-namespaces finds by kind alone: leave the name out, or say --namespace')
  if (named && flags.selector !== undefined) throw new UsageError('--selector is of no use beside a name')
  if (flags.watch && asked.length + (asked[0]?.kinds.length ?? 0) > 2)
    throw new UsageError('--watch follows one object, or all of one kind')
  return { ...flags, asked, named }
}
