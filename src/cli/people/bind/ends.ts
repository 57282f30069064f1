import type { Subject } from '../../../api/sink-binding.ts'
import { didYouMean } from '../../../core/edit-distance.ts'

type Kind = readonly [apiVersion: string, kind: string]

const workloads: Readonly<Record<string, Kind>> = {
  deployment: ['apps/v1', 'Deployment'],
  statefulset: ['apps/v1', 'StatefulSet'],
  daemonset: ['apps/v1', 'DaemonSet'],
  replicaset: ['apps/v1', 'ReplicaSet'],
  job: ['batch/v1', 'Job'],
  cronjob: ['batch/v1', 'CronJob'],
  ksvc: ['serving.knative.dev/v1', 'Service'],
}
const shortWorkloads: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  rs: 'replicaset',
  cj: 'cronjob',
}

const sinks: Readonly<Record<string, Kind>> = {
  broker: ['eventing.knative.dev/v1', 'Broker'],
  service: ['v1', 'Service'],
  ksvc: ['serving.knative.dev/v1', 'Service'],
  channel: ['messaging.knative.dev/v1', 'Channel'],
}
const shortSinks: Readonly<Record<string, string>> = { svc: 'service' }

/** `spec.sink` of a SinkBinding. */
export interface Sink {
  readonly ref?: {
    readonly apiVersion: string
    readonly kind: string
    readonly namespace?: string
    readonly name: string
  }
  readonly uri?: string
}

/** `spec.subject`; a sentence: what is wrong. */
export function subjectOf(text: string, selector: string | undefined): Subject | string {
  const end = endOf(text, { kinds: workloads, short: shortWorkloads, what: 'SOURCE', example: 'deployment/shop' })
  if (typeof end === 'string') return end
  const [apiVersion, kind] = end.kind
  if (selector === undefined) {
    if (end.name === '') return `SOURCE ${text} has no name: write ${text}/NAME, or choose by labels with --selector`
    // kn has labels in the place of the name
    return end.name.includes('=') ? withLabels(apiVersion, kind, end.name) : { apiVersion, kind, name: end.name }
  }
  if (end.name !== '') return `--selector is of no use beside a name: write ${text.replace(/[/:][^/:]*$/, '')} alone`
  return withLabels(apiVersion, kind, selector)
}

function withLabels(apiVersion: string, kind: string, selector: string): Subject | string {
  const matchLabels: Record<string, string> = {}
  for (const part of selector.split(',')) {
    const [, name, value] = /^([\w./-]+)={1,2}([\w.-]*)$/.exec(part.trim()) ?? []
    if (name === undefined || value === undefined)
      return `--selector ${part} must be NAME=VALUE, several with commas, e.g. app=shop,tier=web`
    matchLabels[name] = value
  }
  return { apiVersion, kind, selector: { matchLabels } }
}

/** `spec.sink`; a sentence: what is wrong. */
export function sinkOf(
  text: string,
  { sinkNamespace, path }: { sinkNamespace?: string | undefined; path?: string | undefined },
): Sink | string {
  if (/^https?:\/\//i.test(text)) {
    if (!URL.canParse(text)) return `SINK ${text} is no URL`
    if (path !== undefined) return '--path is of no use beside a URL: put it into the URL'
    return sinkNamespace === undefined ? { uri: text } : '--sink-namespace is of no use beside a URL'
  }
  const end = endOf(text, { kinds: sinks, short: shortSinks, what: 'SINK', example: 'broker/default' })
  if (typeof end === 'string') return end
  if (end.name === '') return `SINK ${text} has no name: write ${text}/NAME`
  const [apiVersion, kind] = end.kind
  const namespace = sinkNamespace === undefined ? {} : { namespace: sinkNamespace }
  return { ref: { apiVersion, kind, ...namespace, name: end.name }, ...(path === undefined ? {} : { uri: path }) }
}

interface Wanted {
  readonly kinds: Readonly<Record<string, Kind>>
  readonly short: Readonly<Record<string, string>>
  readonly what: string
  readonly example: string
}

interface End {
  readonly kind: Kind
  /** '' when it has none. */
  readonly name: string
}

/** `deployment/shop`, `deployment`, or `Deployment:apps/v1:shop`. */
function endOf(text: string, { kinds, short, what, example }: Wanted): End | string {
  const full = /^([A-Z][A-Za-z0-9]*):((?:[a-z0-9.-]+\/)?v\d[a-z0-9]*):(.*)$/.exec(text)
  if (full !== null) return { kind: [full[2] ?? '', full[1] ?? ''], name: full[3] ?? '' }
  const [word = '', name = '', ...more] = text.split('/')
  if (more.length > 0) return `${what} ${text} must be KIND/NAME, e.g. ${example}, or KIND:GROUP/VERSION:NAME`
  const lower = word.toLowerCase()
  const kind = kinds[short[lower] ?? lower] ?? kinds[lower.replace(/s$/, '')]
  if (kind !== undefined) return { kind, name }
  const names = Object.keys(kinds)
  const meant = didYouMean(lower, names)
  const hint =
    meant === null
      ? `one of ${names.join(', ')}, or KIND:GROUP/VERSION:NAME`
      : `did you mean ${meant}/${name || 'NAME'}?`
  return `${what} ${text} begins with no kind that is known: ${hint}`
}
