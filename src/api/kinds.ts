import { didYouMean } from '../core/edit-distance.ts'
import { oldVersions } from './old-versions.ts'

/** The kinds that are served, all of one group and version. */
export const servedApiVersion = 'eventing.knative.dev/v1'
export const servedKinds = ['Broker', 'Trigger'] as const

/** Kinds of the Knative Eventing groups that are not served yet. */
const later: Readonly<Record<string, readonly string[]>> = {
  'eventing.knative.dev': ['EventType', 'EventPolicy', 'EventTransform', 'RequestReply', 'KafkaSink'],
  'sources.knative.dev': [
    'ApiServerSource',
    'PingSource',
    'ContainerSource',
    'SinkBinding',
    'KafkaSource',
    'IntegrationSource',
  ],
  'messaging.knative.dev': ['Channel', 'Subscription', 'InMemoryChannel', 'KafkaChannel'],
  'flows.knative.dev': ['Sequence', 'Parallel'],
  'sinks.knative.dev': ['IntegrationSink', 'JobSink'],
  'bindings.knative.dev': ['KafkaBinding'],
  // Its home until 2020.
  'sources.eventing.knative.dev': ['KafkaSource'],
}

/** What apiVersion and kind of an object mean to us. */
export type KindVerdict =
  /** `old`: the version, when it is one of those that are rewritten. */
  | { readonly is: 'Broker' | 'Trigger'; readonly old?: string }
  /** Of no group of ours: kept as it is. */
  | { readonly is: 'other' }
  /** Of a group of ours, comes later. */
  | { readonly is: 'later'; readonly message: string }
  | { readonly is: 'wrong'; readonly field: 'apiVersion' | 'kind'; readonly message: string }

/** Judges apiVersion and kind. */
export function judgeKind(apiVersion: string, kind: string): KindVerdict {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  if (group === 'eventing.knative.dev') return judgeServedGroup(apiVersion, kind)
  const known = later[group]
  if (known !== undefined) {
    return known.includes(kind) ? comesLater(kind) : unknownKind(kind, group, known)
  }
  if (servedKinds.some((served) => served === kind)) return judgeForeignGroup(apiVersion, group, kind)
  return { is: 'other' }
}

function judgeServedGroup(apiVersion: string, kind: string): KindVerdict {
  const known = later['eventing.knative.dev'] ?? []
  if (known.includes(kind)) return comesLater(kind)
  const served = servedKinds.find((name) => name === kind)
  if (served === undefined) return unknownKind(kind, 'eventing.knative.dev', [...servedKinds, ...known])
  if (apiVersion === servedApiVersion) return { is: served }
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
  if (oldVersions.includes(version)) return { is: served, old: version }
  const message = `there is no version ${JSON.stringify(version)}; use ${servedApiVersion}`
  return { is: 'wrong', field: 'apiVersion', message }
}

/** `Trigger` in `v1`, or in a group with a typo. Other projects have a kind Broker too: those are left alone. */
function judgeForeignGroup(apiVersion: string, group: string, kind: string): KindVerdict {
  const slip = group === '' || didYouMean(group, ['eventing.knative.dev']) !== null
  if (!slip) return { is: 'other' }
  const message = `${JSON.stringify(apiVersion)} has no kind ${kind}; did you mean ${servedApiVersion}?`
  return { is: 'wrong', field: 'apiVersion', message }
}

function comesLater(kind: string): KindVerdict {
  return { is: 'later', message: `not yet: ${kind} comes in a later version; ignored` }
}

function unknownKind(kind: string, group: string, known: readonly string[]): KindVerdict {
  const meant = didYouMean(kind, known)
  const home = Object.keys(later).find((other) => later[other]?.includes(kind))
  const elsewhere = home === undefined ? `it has ${known.join(', ')}` : `${kind} is a kind of ${home}`
  const hint = meant === null ? elsewhere : `did you mean ${meant}?`
  return { is: 'wrong', field: 'kind', message: `there is no kind ${JSON.stringify(kind)} in ${group}; ${hint}` }
}
