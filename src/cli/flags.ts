import { z } from 'zod'

/** The command line or the environment is not usable: `message` lists every problem, a line each. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const port = z.coerce
  .number({ error: 'is not a number' })
  .int('must be a whole number')
  .min(0, 'must be 0 to 65535')
  .max(65_535, 'must be 0 to 65535')
const bootstrapServers = z
  .string()
  .regex(
    /^([^\s,:]+|\[[\da-f:]+\]):\d+(,([^\s,:]+|\[[\da-f:]+\]):\d+)*$/i,
    'must be HOST:PORT, several separated by commas, e.g. localhost:9092',
  )
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })
const instance = z.string().regex(/^[a-zA-Z0-9._-]+$/, 'must consist of letters, digits, ".", "_" and "-"')

/** `NAME[.NAMESPACE]=URL` → where a Service of that name is on this machine. */
const service = z.string().transform((text, context) => {
  const match = /^([a-z0-9-]+)(?:\.([a-z0-9-]+))?=(.+)$/.exec(text)
  const url = httpUrl.safeParse(match?.[3])
  if (match?.[1] === undefined || !url.success) {
    context.issues.push({
      code: 'custom',
      input: text,
      message: `"${text}" must be NAME=URL or NAME.NAMESPACE=URL, e.g. my-service=http://localhost:3000`,
    })
    return z.NEVER
  }
  return { name: match[1], namespace: match[2], url: url.data }
})
export type ServiceMapping = z.output<typeof service>

const DevFlags = z.strictObject({
  filename: z.array(z.string()).min(1, 'is missing: name a file or folder of manifests, e.g. -f examples/hello'),
  data: z.string().min(1),
  kafka: bootstrapServers.optional(),
  port,
  displayPort: port,
  service: z.array(service),
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a namespace name: lower-case letters, digits and "-"'),
  fsync: z.enum(['full', 'off'], { error: 'must be full or off' }),
  retentionMib: z.coerce.number({ error: 'is not a number' }).positive('must be more than 0'),
  retentionHours: z.coerce.number({ error: 'is not a number' }).positive('must be more than 0'),
})
export type DevFlags = z.output<typeof DevFlags>

const IngressFlags = z.strictObject({
  routes: z.string().min(1),
  kafka: bootstrapServers,
  host: z.string().min(1),
  port,
})
export type IngressFlags = z.output<typeof IngressFlags>

const DispatcherFlags = z.strictObject({
  routes: z.string().min(1),
  kafka: bootstrapServers,
  instance,
  group: z.string().min(1),
  data: z.string().min(1),
})
export type DispatcherFlags = z.output<typeof DispatcherFlags>

const Environment = z.object({
  MILLRACE_LOG: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], { error: 'must be debug, info, warn, error or silent' })
    .default('warn'),
})
export type Environment = z.output<typeof Environment>

/** @throws UsageError with every problem at once. */
function read<T extends z.ZodType>(schema: T, raw: unknown, flag: (name: string) => string): z.output<T> {
  const result = schema.safeParse(raw)
  if (result.success) return Object.freeze(result.data) as z.output<T>
  throw new UsageError(
    result.error.issues.map((issue) => `${flag(String(issue.path[0] ?? ''))} ${issue.message}`).join('\n'),
  )
}

const dashed = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

export const devFlags = (raw: unknown): DevFlags => read(DevFlags, raw, dashed)
export const ingressFlags = (raw: unknown): IngressFlags => read(IngressFlags, raw, dashed)
export const dispatcherFlags = (raw: unknown): DispatcherFlags => read(DispatcherFlags, raw, dashed)
/** The environment is read here and nowhere else. */
export const environment = (raw: NodeJS.ProcessEnv = process.env): Environment => read(Environment, raw, (name) => name)
