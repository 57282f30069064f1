import { z } from 'zod'
import { namespace } from '../../flags.ts'
import { clusterFlags, readTyped } from '../flags.ts'

const TreeFlags = z
  .strictObject({
    ...clusterFlags,
    systemNamespace: namespace,
    allNamespaces: z.boolean().default(false),
    filename: z.array(z.string()).default([]),
    output: z.enum(['text', 'json', 'yaml'], { error: 'must be text, json or yaml' }),
  })
  .refine(({ allNamespaces, namespace }) => !allNamespaces || namespace === undefined, {
    path: ['allNamespaces'],
    error: 'is of no use beside --namespace',
  })
  .refine(({ filename, kubeconfig, context }) => filename.length === 0 || (kubeconfig ?? context) === undefined, {
    path: ['filename'],
    error: 'is of no use beside --kubeconfig and --context',
  })
export type TreeFlags = z.output<typeof TreeFlags>

/** @throws UsageError with every problem at once. */
export function treeFlags(typed: unknown): TreeFlags {
  return readTyped(TreeFlags, typed)
}
