import type { StoredObject } from '../../kube/client.ts'
import type { Mounted } from './volumes.ts'

/** The ConfigMap of Knative that says where traces go, and the one that it had before (Knative 1.18 and older). */
export const tracingNames = { current: 'config-observability', older: 'config-tracing' } as const

/** Where the workers send their traces. */
export interface TracingTarget {
  /** URL of a collector. */
  readonly endpoint: string
  /** Of new traces so many are kept, 0 to 1. */
  readonly samplingRate: number
}

type Data = Readonly<Record<string, unknown>>

const collector = 'http://<collector>.<namespace>:4318/v1/traces'
const set = `set tracing-protocol to http/protobuf and tracing-endpoint to ${collector}`
const keys = ['tracing-protocol', 'tracing-endpoint', 'tracing-sampling-rate'] as const

/**
 * Reads what ConfigMap `config-observability` says of traces, with the meanings and defaults of Knative; its other keys are none of ours. `target` is null
 * where there shall be none. Problems are sentences, all at once: nothing that was asked for is left out silently.
 * @see https://github.com/knative/pkg/blob/main/observability/tracing/config.go
 */
export function readTracing(data: Data): {
  readonly target: TracingTarget | null
  readonly problems: readonly string[]
} {
  const problems: string[] = []
  const [protocol = '', endpoint = '', rate = ''] = keys.map((key) => text(data[key]))
  for (const key of Object.keys(data)) {
    if (key.startsWith('tracing-') && !keys.some((known) => known === key))
      problems.push(`${key}: is no key that Millrace knows; those of traces are ${keys.join(', ')}`)
  }
  const samplingRate = rate === '' ? 0 : Number(rate)
  if (!(samplingRate >= 0 && samplingRate <= 1)) problems.push('tracing-sampling-rate: must be 0 to 1')
  problems.push(...protocolProblems(protocol, endpoint))
  if (problems.length > 0 || protocol !== 'http/protobuf') return { target: null, problems }
  const url = endpointUrl(endpoint)
  if (typeof url !== 'string') return { target: null, problems: [`tracing-endpoint: ${url.problem}`] }
  return { target: { endpoint: url, samplingRate }, problems }
}

function protocolProblems(protocol: string, endpoint: string): readonly string[] {
  switch (protocol) {
    case 'http/protobuf':
      return endpoint === '' ? [`tracing-endpoint: is missing; set it to ${collector}`] : []
    case '':
    case 'none':
      return endpoint === '' ? [] : [`tracing-protocol: does not say that traces shall be sent; ${set}`]
    case 'grpc':
      return [`tracing-protocol: grpc is not served; collectors take http/protobuf too, on port 4318: ${set}`]
    case 'stdout':
      return [`tracing-protocol: stdout is not served; a collector with the exporter "debug" prints traces: ${set}`]
    default:
      return [`tracing-protocol: must be none or http/protobuf; ${set}`]
  }
}

/** As Knative: an address without a scheme is one of https. */
function endpointUrl(endpoint: string): string | { readonly problem: string } {
  const url = URL.parse(/^[a-z]+:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`)
  if (url === null || !/^https?:$/.test(url.protocol)) return { problem: `must be a URL such as ${collector}` }
  if (url.username !== '' || url.password !== '')
    return { problem: `must not hold a name or a password; put a header into Secret ${secretName}, key headers` }
  return url.href
}

/** What is to be said of ConfigMap `config-tracing`; null: nothing. */
export function olderTracing(older: Data, current: Data): string | null {
  const backend = text(older['backend'])
  if (backend === '' || backend === 'none' || text(current['tracing-protocol']) !== '') return null
  return (
    `no traces are sent: backend ${backend} of ConfigMap ${tracingNames.older} is not served, as in Knative since 1.19; ` +
    `in ConfigMap ${tracingNames.current} ${set}. Jaeger takes that as it is, for Zipkin put an OpenTelemetry Collector before it`
  )
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : ''
}

/** Secret of the system namespace: `headers` (name=value, a line each) and `ca.crt`, for a collector that wants to know who we are. It need not exist. */
export const secretName = 'millrace-tracing'
const folder = '/etc/millrace/tracing'

/** Flags of a worker. */
export function tracingArgs(tracing: TracingTarget | undefined): readonly string[] {
  if (tracing === undefined) return []
  const { endpoint, samplingRate } = tracing
  return [
    '--tracing-endpoint',
    endpoint,
    '--tracing-sampling-rate',
    String(samplingRate),
    '--tracing-credentials',
    folder,
  ]
}

/** What is read only from there, and changes in place when the Secret does. */
export function tracingVolumes(tracing: TracingTarget | undefined): readonly Mounted[] {
  if (tracing === undefined) return []
  const source = { secret: { secretName, optional: true, defaultMode: 0o644 } }
  return [{ name: 'tracing', mountPath: folder, readOnly: true, source }]
}

/** What a worker was told when it was made: good settings once. Undefined: nothing. */
export function tracingOf(worker: StoredObject | undefined): TracingTarget | undefined {
  const spec = worker?.['spec'] as { template?: { spec?: { containers?: { args?: string[] }[] } } } | undefined
  const args = spec?.template?.spec?.containers?.[0]?.args ?? []
  const after = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined)
  const endpoint = after('--tracing-endpoint')
  return endpoint === undefined ? undefined : { endpoint, samplingRate: Number(after('--tracing-sampling-rate') ?? 0) }
}
