import { z } from 'zod'
import { readYaml } from '../../api/yaml-text.ts'
import { LineageSettings, usualLineage } from './lineage.ts'

/** The ConfigMap of the system namespace that says how the workers shall be run. */
export const settingsName = 'config-millrace'

export const roles = ['ingress', 'dispatcher'] as const
export type Role = (typeof roles)[number]

const quantity = z
  .union([z.string(), z.number()])
  .transform((value) => String(value).trim())
  .refine((text) => /^\d+(\.\d+)?(m|k|Ki|[MGTPE]i?)?$/.test(text), 'must be a quantity such as 100m, 0.5, 256Mi or 1Gi')
const quantities = z.record(z.string(), quantity)
/** Values of labels and annotations are text; YAML may take them for numbers or booleans. */
const texts = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean()]).transform((value) => String(value)),
)
/** Fields whose inside the API server judges: what it refuses is said in its own words. */
const objects = z.array(z.looseObject({}))

/** Fields of the pods, named as Kubernetes names them. */
const PodSettings = z.strictObject({
  nodeSelector: texts.optional(),
  tolerations: objects.optional(),
  affinity: z.looseObject({}).optional(),
  priorityClassName: z.string().min(1).optional(),
  imagePullSecrets: z.array(z.strictObject({ name: z.string().min(1) })).optional(),
  topologySpreadConstraints: objects.optional(),
  annotations: texts.optional(),
  resources: z.strictObject({ requests: quantities.optional(), limits: quantities.optional() }).optional(),
  /** Absent: two at first, and then whatever an autoscaler or `kubectl scale` makes of it. */
  replicas: z.int('must be a whole number').min(0, 'must be 0 or more').max(1000, 'must be 1000 or less').optional(),
})
export type PodSettings = z.infer<typeof PodSettings>

const Common = z.strictObject({
  /** Absent: that of the controller. */
  image: z.string().regex(/^\S+$/, 'must be one image reference, such as registry.example.com/millrace:1.0').optional(),
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'], { error: 'must be Always, IfNotPresent or Never' })
    .optional(),
  'log.level': z
    .enum(['debug', 'info', 'warn', 'error'], { error: 'must be debug, info, warn or error' })
    .default('info'),
  'kafka.fleetGroup': z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must consist of letters, digits, ".", "_" and "-"')
    .default('millrace-dispatcher'),
  lineage: LineageSettings.default(usualLineage),
})

/** How the workers shall be run. */
export interface WorkerSettings {
  readonly image?: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Kafka group of the dispatcher fleet: two installations on one Kafka need two. */
  readonly fleetGroup: string
  /** What is remembered of events. */
  readonly lineage: LineageSettings
  readonly ingress: PodSettings
  readonly dispatcher: PodSettings
}

export const defaultSettings: WorkerSettings = {
  logLevel: 'info',
  fleetGroup: 'millrace-dispatcher',
  lineage: usualLineage,
  ingress: {},
  dispatcher: {},
}

/** Every key that is known; the value of a key is YAML. */
export const settingKeys: readonly string[] = [
  ...Object.keys(Common.shape),
  ...['workers', ...roles].flatMap((who) => podKeys(who).map((field) => `${who}.${field}`)),
]

function podKeys(who: string): readonly string[] {
  return Object.keys(PodSettings.shape).filter((field) => who !== 'workers' || field !== 'replicas')
}

/**
 * Reads `data` of the ConfigMap. `workers.<field>` speaks of both workers, `ingress.<field>` and `dispatcher.<field>` of one, and go before it
 * as a whole. Keys that begin with `_` are documentation. Problems are sentences, one each, all at once; what is without a problem is in `settings`.
 */
export function readSettings(data: Readonly<Record<string, unknown>>): {
  settings: WorkerSettings
  problems: readonly string[]
} {
  const problems: string[] = []
  const values = new Map<string, unknown>()
  for (const [key, text] of Object.entries(data)) {
    if (key.startsWith('_')) continue
    const read = readKey(key, String(text))
    if ('problems' in read) problems.push(...read.problems)
    else if (read.value !== undefined) values.set(key, read.value)
  }
  const common = Common.parse(Object.fromEntries([...values].filter(([key]) => key in Common.shape)))
  const pod = (role: Role): PodSettings => {
    const of = (who: string) =>
      [...values].filter(([key]) => key.startsWith(`${who}.`)).map(([key, value]) => [key.slice(who.length + 1), value])
    return Object.fromEntries([...of('workers'), ...of(role)]) as PodSettings
  }
  const settings: WorkerSettings = {
    ...(common.image === undefined ? {} : { image: common.image }),
    ...(common.imagePullPolicy === undefined ? {} : { imagePullPolicy: common.imagePullPolicy }),
    logLevel: common['log.level'],
    fleetGroup: common['kafka.fleetGroup'],
    lineage: common.lineage,
    ingress: pod('ingress'),
    dispatcher: pod('dispatcher'),
  }
  return { settings, problems }
}

type ReadKey = { readonly value: unknown } | { readonly problems: readonly string[] }

function readKey(key: string, text: string): ReadKey {
  const schema = schemaOf(key)
  if (schema === null) return { problems: [unknownKey(key)] }
  const { objects, problems } = readYaml(text, key)
  if (problems.length > 0) return { problems: problems.map(({ line, message }) => `${key}: line ${line}: ${message}`) }
  // Nothing but white space or comments: as if the key were not there.
  if (objects.length === 0) return { value: undefined }
  if (objects.length > 1) return { problems: [`${key}: holds more than one YAML document; remove the "---"`] }
  const result = schema.safeParse(objects[0]?.value)
  if (result.success) return { value: result.data }
  return {
    problems: result.error.issues.map(({ path, message }) => `${[key, ...path].map(String).join('.')}: ${message}`),
  }
}

function schemaOf(key: string): z.ZodType | null {
  if (!settingKeys.includes(key)) return null
  const common = (Common.shape as Readonly<Record<string, z.ZodType>>)[key]
  if (common !== undefined) return common
  return (PodSettings.shape as Readonly<Record<string, z.ZodType>>)[key.slice(key.indexOf('.') + 1)] ?? null
}

function unknownKey(key: string): string {
  if (key === 'workers.replicas') return `${key}: the workers scale apart; set ingress.replicas or dispatcher.replicas`
  const field = key.slice(key.indexOf('.') + 1).toLowerCase()
  const near = settingKeys.find((known) => known.toLowerCase() === key.toLowerCase())
  const hint = near ?? settingKeys.find((known) => known.toLowerCase().endsWith(`.${field}`))
  return `${key}: is no key that Millrace knows${hint === undefined ? '' : `; did you mean ${hint}?`}; the ConfigMap documents all under _example`
}
