import { didYouMean } from '../core/edit-distance.ts'
import { oldKafkaSourceVersions, oldSinkBindingVersions, oldVersions } from './old-versions.ts'

/** The version of Broker and Trigger that is stored. */
export const servedApiVersion = 'eventing.knative.dev/v1'

/** Group of each kind that is served, and its versions beside v1. */
const served = {
  Broker: { group: 'eventing.knative.dev', old: oldVersions },
  Trigger: { group: 'eventing.knative.dev', old: oldVersions },
  SinkBinding: { group: 'sources.knative.dev', old: oldSinkBindingVersions },
  KafkaSource: { group: 'sources.knative.dev', old: oldKafkaSourceVersions },
} as const

export type ServedKind = keyof typeof served
const servedKinds = Object.keys(served) as ServedKind[]
const servedIn = (group: string): ServedKind[] => servedKinds.filter((kind) => served[kind].group === group)

/** `eventing.knative.dev/v1`. */
export function storedVersion(kind: ServedKind): string {
  return `${served[kind].group}/v1`
}

/** Kinds of the Knative Eventing groups that are not served yet. */
const later: Readonly<Record<string, readonly string[]>> = {
  'eventing.knative.dev': ['EventType', 'EventPolicy', 'EventTransform', 'RequestReply', 'KafkaSink'],
  'sources.knative.dev': ['ApiServerSource', 'PingSource', 'ContainerSource', 'IntegrationSource'],
  'messaging.knative.dev': ['Channel', 'Subscription', 'InMemoryChannel', 'KafkaChannel'],
  'flows.knative.dev': ['Sequence', 'Parallel'],
  'sinks.knative.dev': ['IntegrationSink', 'JobSink'],
  'bindings.knative.dev': ['KafkaBinding'],
}

/** What apiVersion and kind of an object mean to us. */
export type KindVerdict =
  /** `old`: the version, when it is one of those that are rewritten. */
  | { readonly is: ServedKind; readonly old?: string }
  /** Of no group of ours: kept as it is. */
  | { readonly is: 'other' }
  /** Of a group of ours, comes later. */
  | { readonly is: 'later'; readonly message: string }
  | { readonly is: 'wrong'; readonly field: 'apiVersion' | 'kind'; readonly message: string }

/** Where KafkaSource was until 2020. */
const formerHome = 'sources.eventing.knative.dev'

function moved(apiVersion: string): KindVerdict {
  const message = `${JSON.stringify(apiVersion)} ended in 2020; write ${storedVersion('KafkaSource')}, bootstrapServers and topics as lists, and the sink below sink.ref`
  return { is: 'wrong', field: 'apiVersion', message }
}

/** Judges apiVersion and kind. */
export function judgeKind(apiVersion: string, kind: string): KindVerdict {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  if (group === formerHome && kind === 'KafkaSource') return moved(apiVersion)
  const ours = servedIn(group)
  const known = later[group] ?? []
  if (known.includes(kind)) return comesLater(kind)
  const meant = servedKinds.find((name) => name === kind)
  if (meant !== undefined && ours.includes(meant)) return judgeVersion(apiVersion, meant)
  if (ours.length + known.length > 0) return unknownKind(kind, group, [...ours, ...known])
  return meant === undefined ? { is: 'other' } : judgeForeignGroup(apiVersion, group, meant)
}

function judgeVersion(apiVersion: string, kind: ServedKind): KindVerdict {
  if (apiVersion === storedVersion(kind)) return { is: kind }
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
  if (served[kind].old.includes(version)) return { is: kind, old: version }
  const message = `there is no version ${JSON.stringify(version)}; use ${storedVersion(kind)}`
  return { is: 'wrong', field: 'apiVersion', message }
}

/** `Trigger` in `v1`, or in a group with a typo. Other projects have a kind Broker too: those are left alone. */
function judgeForeignGroup(apiVersion: string, group: string, kind: ServedKind): KindVerdict {
  const slip = group === '' || didYouMean(group, [served[kind].group]) !== null
  if (!slip) return { is: 'other' }
  const message = `${JSON.stringify(apiVersion)} has no kind ${kind}; did you mean ${storedVersion(kind)}?`
  return { is: 'wrong', field: 'apiVersion', message }
}

function comesLater(kind: string): KindVerdict {
  return { is: 'later', message: `not yet: ${kind} comes in a later version; ignored` }
}

function unknownKind(kind: string, group: string, known: readonly string[]): KindVerdict {
  const meant = didYouMean(kind, known)
  const home = servedKinds.find((name) => name === kind)
    ? served[kind as ServedKind].group
    : Object.keys(later).find((other) => later[other]?.includes(kind))
  const elsewhere = home === undefined ? `it has ${known.join(', ')}` : `${kind} is a kind of ${home}`
  const hint = meant === null ? elsewhere : `did you mean ${meant}?`
  return { is: 'wrong', field: 'kind', message: `there is no kind ${JSON.stringify(kind)} in ${group}; ${hint}` }
}
