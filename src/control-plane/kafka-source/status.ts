import type { DesiredStatus } from '../../kube/reconciler.ts'
import { clusterAnnotations, clusterInUse } from '../kafka-cluster.ts'
import { statusOf } from '../status-of.ts'
import type { Verdict } from '../verdict.ts'
import { eventSource, kafkaEventType, type CompiledSource } from './compile.ts'
import type { SeenOutlet } from './conclude.ts'
import { askedId, isMoved, standingOutlets, wantedTopics } from './decide.ts'
import { sourceInUse } from './in-use.ts'
import { clusterWith, type ObservedSource, type StandingOutlet } from './observe.ts'
import { placementsOf } from './placements.ts'

/** The dispatchers, as `kubectl get pods -l` finds them in the system namespace. */
const selector = 'app.kubernetes.io/component=dispatcher,app.kubernetes.io/name=millrace'

/** `status` of a KafkaSource that is served, but how far it is. */
export function sourceStatus(
  seen: ObservedSource,
  compiled: CompiledSource,
  outlets: readonly SeenOutlet[],
  { conditions }: Verdict,
): DesiredStatus {
  const { sinkUri, deadLetterSinkUri, key } = compiled
  const wanted = compiled.template === null ? [] : wantedTopics(seen, compiled)
  const standing = standingOutlets(seen, compiled)
  const topics = topicsIn(seen, compiled, standing)
  const partitions = [...seen.topics.found.values()].reduce((sum, each) => sum + each.partitions, 0)
  const annotations = annotationsOf(seen, compiled, standing.length === wanted.length)
  return {
    conditions,
    ...(sinkUri === undefined ? {} : { sinkUri }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
    ...(topics.length === 0
      ? {}
      : { topics, ceAttributes: topics.map((topic) => ({ type: kafkaEventType, source: eventSource(key, topic) })) }),
    selector,
    ...placed(seen, standing, outlets),
    ...(partitions === 0 ? kept(seen, 'maxAllowedVReplicas') : { maxAllowedVReplicas: partitions }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
}

/** Those that have their Outlet. While there shall be none for another reason, as they were: they are not new when they come back. */
function topicsIn(
  { toldTopics, topics }: ObservedSource,
  { template }: CompiledSource,
  standing: readonly StandingOutlet[],
): readonly string[] {
  if (template === null || !topics.seen) return toldTopics
  return standing.map(({ topic }) => topic).toSorted()
}

/** Only what is in use is written down: it is what stays, and what is deleted in the end. */
function annotationsOf(
  seen: ObservedSource,
  compiled: CompiledSource,
  complete: boolean,
): Readonly<Record<string, string>> {
  const { annotations, topics, credential, outlets } = seen
  const cluster = clusterWith(compiled.servers, credential)
  if (outlets.length === 0 && !topics.seen) return annotations
  const { [clusterInUse.credential]: _, ...rest } = annotations
  // While they stand in another Kafka than the one that is asked, that is what tells that they do not belong there.
  const inForce = outlets.length > 0 && cluster !== undefined && topics.seen && !isMoved(seen, compiled)
  return {
    ...(inForce ? rest : annotations),
    ...(inForce ? { [sourceInUse.group]: compiled.group, ...clusterAnnotations(cluster) } : {}),
    ...(inForce && topics.cluster !== null ? { [sourceInUse.cluster]: topics.cluster } : {}),
    ...(topics.seen && compiled.template !== null && complete ? { [sourceInUse.asked]: askedId(compiled) } : {}),
  }
}

/** While partitions are handed over, as it was before: who ends up with them is told when it is done. */
function placed(seen: ObservedSource, standing: readonly StandingOutlet[], outlets: readonly SeenOutlet[]) {
  const moving = outlets.some(({ consumption }) => consumption.kind === 'unowned')
  if (moving) return { ...kept(seen, 'consumers'), ...kept(seen, 'placements') }
  const placements = placementsOf(standing, seen.dispatchers)
  return { consumers: placements.length, ...(placements.length === 0 ? {} : { placements }) }
}

function kept({ object }: ObservedSource, field: 'consumers' | 'placements' | 'maxAllowedVReplicas') {
  const value = statusOf(object)[field]
  return value === undefined ? {} : { [field]: value }
}
