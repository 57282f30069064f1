import { httpUrl, tracingShape, UsageError, type Environment } from '../flags.ts'

export interface TracingFlags {
  /** URL of a collector, with or without the path of traces; `off`: none, whatever the environment says. */
  readonly tracingEndpoint?: string | undefined
  readonly tracingSamplingRate?: number | undefined
  /** Folder with `headers` and `ca.crt`. */
  readonly tracingCredentials?: string | undefined
}

/** Which process it is that makes spans. */
export type TracingRole = 'ingress' | 'dispatcher' | 'dev'

export interface TracingSettings {
  /** Of the collector's traces. */
  readonly url: string
  readonly ratio: number
  readonly resource: Readonly<Record<string, string>>
  /** Those of the environment; those of the folder go over them. */
  readonly headers: Readonly<Record<string, string>>
  /** File with certificates, PEM. */
  readonly certificate: string | undefined
  readonly folder: string | undefined
}

/**
 * Flags go before the variables that OpenTelemetry knows; of these the ones for traces go before the ones for all.
 * @returns undefined when nobody names a collector: tracing is off.
 * @throws UsageError with every problem at once.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export function tracingSettings(role: TracingRole, flags: TracingFlags, env: Environment): TracingSettings | undefined {
  const problems: string[] = []
  const url = endpointOf(flags, env, problems)
  if (url === undefined) return undefined
  const settings: TracingSettings = {
    url,
    ratio: flags.tracingSamplingRate ?? ratioOf(env, problems),
    resource: resourceOf(role, env, problems),
    headers: headersOf(env, problems),
    certificate: either('CERTIFICATE', env)?.value,
    folder: flags.tracingCredentials,
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return settings
}

const path = '/v1/traces'

function endpointOf(flags: TracingFlags, env: Environment, problems: string[]): string | undefined {
  const { tracingEndpoint: flag } = flags
  if (flag === 'off') return undefined
  if (flag !== undefined) return withPath(flag, '--tracing-endpoint', problems)
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return undefined
  const given = either('ENDPOINT', env)
  if (given === undefined) return undefined
  refuseOthers(env, problems)
  const parsed = httpUrl.safeParse(given.value)
  if (!parsed.success) problems.push(`${given.name} ${parsed.error.issues[0]?.message ?? 'is no URL'}`)
  // of all signals: the path is ours to add; of traces: it is taken as it is
  if (given.name === 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') return withoutSecrets(given.value, given.name, problems)
  return withoutSecrets(given.value.replace(/\/*$/, path), given.name, problems)
}

/** As Knative does it: what has a path of its own keeps it. */
function withPath(endpoint: string, name: string, problems: string[]): string {
  const bare = URL.parse(endpoint)?.pathname === '/'
  return withoutSecrets(bare ? endpoint.replace(/\/*$/, path) : endpoint, name, problems)
}

function withoutSecrets(url: string, name: string, problems: string[]): string {
  const { username = '', password = '' } = URL.parse(url) ?? {}
  if (username !== '' || password !== '')
    problems.push(
      `${name} holds a name or a password, which logs would show: send a header (OTEL_EXPORTER_OTLP_HEADERS)`,
    )
  return url
}

/** Never silently something else than what was asked for. */
function refuseOthers(env: Environment, problems: string[]): void {
  const { OTEL_TRACES_EXPORTER: exporter = 'otlp' } = env
  if (exporter !== 'otlp') problems.push('OTEL_TRACES_EXPORTER must be otlp or none')
  const protocol = either('PROTOCOL', env)
  if (protocol === undefined || protocol.value === 'http/protobuf') return
  problems.push(
    `${protocol.name} must be http/protobuf, usually on port 4318: Millrace does not speak "${protocol.value}"; --tracing-endpoint goes before it, OTEL_TRACES_EXPORTER=none switches traces off`,
  )
}

function ratioOf(env: Environment, problems: string[]): number {
  const { OTEL_TRACES_SAMPLER: sampler = 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: text = '1' } = env
  if (sampler === 'parentbased_always_on') return 1
  if (sampler === 'parentbased_always_off') return 0
  if (sampler !== 'parentbased_traceidratio') {
    problems.push(
      `OTEL_TRACES_SAMPLER must be parentbased_always_on, parentbased_always_off or parentbased_traceidratio: what a sender decided of its trace always holds`,
    )
    return 0
  }
  const ratio = tracingShape.tracingSamplingRate.safeParse(text)
  if (!ratio.success) problems.push('OTEL_TRACES_SAMPLER_ARG must be 0 to 1')
  return ratio.data ?? 0
}

function resourceOf(role: TracingRole, env: Environment, problems: string[]): Readonly<Record<string, string>> {
  const { OTEL_SERVICE_NAME: name, POD_NAME: pod, POD_NAMESPACE: namespace } = env
  return {
    'service.name': `millrace-${role}`,
    ...(pod === undefined ? {} : { 'k8s.pod.name': pod, 'service.instance.id': env.POD_UID ?? pod }),
    ...(namespace === undefined ? {} : { 'k8s.namespace.name': namespace }),
    ...parsePairs(env.OTEL_RESOURCE_ATTRIBUTES ?? '', 'OTEL_RESOURCE_ATTRIBUTES', problems),
    ...(name === undefined || name === '' ? {} : { 'service.name': name }),
  }
}

function headersOf(env: Environment, problems: string[]): Readonly<Record<string, string>> {
  const given = either('HEADERS', env)
  return given === undefined ? {} : parsePairs(given.value, given.name, problems)
}

/** That for traces, or else that for all signals; an empty one is as if it were not there. */
function either(
  what: 'ENDPOINT' | 'HEADERS' | 'PROTOCOL' | 'CERTIFICATE',
  env: Environment,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`] as const) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== '') return { name, value }
  }
  return undefined
}

/** `name=value,name=value`, values percent-encoded; also a line each. @see https://www.w3.org/TR/baggage/#definition */
export function parsePairs(text: string, name: string, problems: string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const pair of text.split(/[,\n]/).map((part) => part.trim())) {
    if (pair === '') continue
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/.exec(pair) ?? []
    const decoded = decode(value.trim())
    if (key === '' || decoded === null) problems.push(`${name} must be name=value, several separated by commas`)
    else found[key.trim()] = decoded
  }
  return found
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
