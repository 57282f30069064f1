import { z } from 'zod'

/** The command line or the environment is not usable: `message` lists every problem, a line each. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const port = z.coerce
  .number({ error: 'is not a number' })
  .int('must be a whole number')
  .min(0, 'must be 0 to 65535')
  .max(65_535, 'must be 0 to 65535')
/** Where Prometheus looks for metrics, in a pod: the port of Knative. */
const usualMetricsPort = 9090
export const metricsPort = z.union([z.literal('off'), port], { error: 'must be a port, 0 to 65535, or off' })

/** The port of GET /metrics, if there is to be one. @param inPod outside of one nobody asks, unless it is said. */
export function metricsPortOf(
  { metricsPort: given }: { readonly metricsPort?: number | 'off' | undefined },
  inPod: boolean,
): number | undefined {
  if (given === undefined) return inPod ? usualMetricsPort : undefined
  return given === 'off' ? undefined : given
}

export const bootstrapServers = z
  .string()
  .regex(
    /^([^\s,:]+|\[[\da-f:]+\]):\d+(,([^\s,:]+|\[[\da-f:]+\]):\d+)*$/i,
    'must be HOST:PORT, several separated by commas, e.g. localhost:9092',
  )
export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })

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

const filename = z.array(z.string()).min(1, 'is missing: name a file or folder of manifests, e.g. -f examples/hello')
export const namespace = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a namespace name: lower-case letters, digits and "-"')

const CheckFlags = z.strictObject({ filename, namespace })
export type CheckFlags = z.output<typeof CheckFlags>

const PreflightFlags = z.strictObject({ kubeconfig: z.string().min(1, 'must be a file').optional(), namespace })
export type PreflightFlags = z.output<typeof PreflightFlags>

const folder = z.string().min(1, 'must be a folder').optional()
const CrdsFlags = z
  .strictObject({ out: folder, compare: folder })
  .refine(({ out, compare }) => out === undefined || compare === undefined, {
    path: ['out'],
    error: 'is of no use beside --compare',
  })
export type CrdsFlags = z.output<typeof CrdsFlags>

const CesqlFlags = z
  .strictObject({ expression: z.string().optional(), event: z.string().min(1, 'must be a file').optional() })
  .refine(({ expression, event }) => expression !== undefined || event === undefined, {
    path: ['event'],
    error: 'is of no use without --expression: lines of standard input carry their events',
  })
export type CesqlFlags = z.output<typeof CesqlFlags>

const MatchFlags = z
  .strictObject({
    filename: z.array(z.string()).min(1, 'is missing: name a file with Triggers, e.g. -f trigger.yaml'),
    event: z.array(z.string()).min(1, 'is missing: name a file with an event, e.g. -e event.json'),
    namespace,
    output: z.enum(['text', 'json'], { error: 'must be text or json' }),
  })
  .refine(({ filename, event }) => [...filename, ...event].filter((path) => path === '-').length <= 1, {
    path: ['event'],
    error: 'and --filename together may read standard input once',
  })
export type MatchFlags = z.output<typeof MatchFlags>

/** Of `ingress`, `dispatcher` and `dev`. */
export const tracingShape = {
  tracingEndpoint: z
    .union([z.literal('off'), httpUrl], { error: 'must be a URL that starts with http:// or https://, or off' })
    .optional(),
  tracingSamplingRate: z.coerce
    .number({ error: 'is not a number' })
    .min(0, 'must be 0 to 1')
    .max(1, 'must be 0 to 1')
    .optional(),
  tracingCredentials: z.string().min(1, 'must be a folder').optional(),
}

const DevFlags = z.strictObject({
  filename,
  data: z.string().min(1),
  kafka: bootstrapServers.optional(),
  port,
  displayPort: port,
  metricsPort,
  ...tracingShape,
  service: z.array(service),
  namespace,
  fsync: z.enum(['full', 'off'], { error: 'must be full or off' }),
  retentionMib: z.coerce.number({ error: 'is not a number' }).positive('must be more than 0'),
  retentionHours: z.coerce.number({ error: 'is not a number' }).positive('must be more than 0'),
})
export type DevFlags = z.output<typeof DevFlags>

const openTelemetry = [
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_SERVICE_NAME',
  'OTEL_RESOURCE_ATTRIBUTES',
  ...(['OTEL_EXPORTER_OTLP', 'OTEL_EXPORTER_OTLP_TRACES'] as const).flatMap((of) =>
    (['ENDPOINT', 'PROTOCOL', 'HEADERS', 'CERTIFICATE'] as const).map((what) => `${of}_${what}` as const),
  ),
] as const

const Environment = z.object({
  /** Absent: each command has a level of its own. */
  MILLRACE_LOG: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], { error: 'must be debug, info, warn, error or silent' })
    .optional(),
  /** Of the pod that we run in, by the downward API; absent outside of a cluster. */
  POD_NAME: z.string().min(1).optional(),
  POD_UID: z.string().min(1).optional(),
  POD_NAMESPACE: z.string().min(1).optional(),
  /** Of `millrace viewer`; others have no use for them, whatever they hold. */
  PORT: z.string().optional(),
  VIEWER_TOKEN: z.string().optional(),
  /** Set to anything: no colours (https://no-color.org). */
  NO_COLOR: z.string().optional(),
  /** What the terminal can; `dumb`: no colours. */
  TERM: z.string().optional(),
  /** Of OpenTelemetry (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/): those that we know, see cli/tracing. */
  ...(Object.fromEntries(openTelemetry.map((name) => [name, z.string().optional()] as const)) as Record<
    (typeof openTelemetry)[number],
    z.ZodOptional<z.ZodString>
  >),
})
export type Environment = z.output<typeof Environment>

/** @param flag how a message names it. @throws UsageError with every problem at once. */
export function read<T extends z.ZodType>(schema: T, raw: unknown, flag: (name: string) => string): z.output<T> {
  const result = schema.safeParse(raw)
  if (result.success) return Object.freeze(result.data) as z.output<T>
  throw new UsageError(
    result.error.issues.map((issue) => `${flag(String(issue.path[0] ?? ''))} ${issue.message}`).join('\n'),
  )
}

export const dashed = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

export const checkFlags = (raw: unknown): CheckFlags => read(CheckFlags, raw, dashed)
export const crdsFlags = (raw: unknown): CrdsFlags => read(CrdsFlags, raw, dashed)
export const cesqlFlags = (raw: unknown): CesqlFlags => read(CesqlFlags, raw, dashed)
export const matchFlags = (raw: unknown): MatchFlags => read(MatchFlags, raw, dashed)
export const preflightFlags = (raw: unknown): PreflightFlags => read(PreflightFlags, raw, dashed)
export const devFlags = (raw: unknown): DevFlags => read(DevFlags, raw, dashed)
/** What programs inherit that we start. */
export const inherited = (): Readonly<NodeJS.ProcessEnv> => process.env
/** The environment is read here and nowhere else. */
export const environment = (raw: NodeJS.ProcessEnv = process.env): Environment => read(Environment, raw, (name) => name)
