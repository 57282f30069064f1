import { z } from 'zod'
import { bootstrapServers, dashed, namespace, read } from '../flags.ts'

/** What the flags of commands for people have in common. */

export const given = z.string().min(1, 'must not be empty')

export const clusterFlags = {
  kubeconfig: given.optional(),
  context: given.optional(),
  namespace: namespace.optional(),
}

/** Which cluster, and which namespace of it. */
export interface ClusterFlags {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly namespace?: string | undefined
}

export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })

export const kafkaServers = bootstrapServers

/** A whole number from `least` on, as text. */
export function wholeNumber(least: number) {
  const must = `must be a whole number, ${least} or more`
  return z.coerce.number({ error: must }).int(must).min(least, must)
}

/** `500ms`, `30s`, `10m`, `2h`: milliseconds. */
export const time = z
  .string()
  .regex(/^(0|\d{1,7}(ms|s|m|h))$/, 'must be a time such as 500ms, 30s, 10m or 2h')
  .transform((text) => Number.parseInt(text, 10) * unitMs(/[a-z]+$/.exec(text)?.[0]))

function unitMs(unit = 'ms'): number {
  return { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1
}

const pair = /^([^=]+)=(.*)$/s

/** `name=value`, repeated: by name. The last of a name counts. @param example for the message. */
export function pairs(example: string) {
  return z
    .array(z.string())
    .default([])
    .transform((texts, context) => {
      const found: Record<string, string> = {}
      for (const text of texts) {
        const [, name, value] = pair.exec(text) ?? []
        if (name !== undefined && value !== undefined) found[name] = value
        else
          context.issues.push({ code: 'custom', input: text, message: `"${text}" must be NAME=VALUE, e.g. ${example}` })
      }
      return found
    })
}

/** @param positional names of arguments: messages say them as they stand in the usage. @throws UsageError with every problem at once. */
export function readTyped<T extends z.ZodType>(
  schema: T,
  typed: unknown,
  positional: readonly string[] = [],
): z.output<T> {
  return read(schema, typed, (name) => (positional.includes(name) ? name.toUpperCase() : dashed(name)))
}
