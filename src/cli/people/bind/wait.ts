import { systemClock as clock } from '../../../core/clock.ts'
import type { KubeClient, ObjectName, StoredObject } from '../../../kube/client.ts'
import { kinds } from '../../../kube/kinds.ts'
import { pause } from '../../../kube/pause.ts'
import { conditionsOf } from '../../../kube/status.ts'
import { untilDone } from '../cluster.ts'
import { adviceFor } from '../describe/advice.ts'
import { showProgress } from '../output/progress.ts'

/** How it ended. */
export type Ended =
  | { readonly kind: 'ready'; readonly sinkUri: string; readonly count: number; readonly message: string }
  | { readonly kind: 'not'; readonly message: string; readonly advice: string }

/** How often it is looked, and how long a reason has to stand before it is taken for the answer, milliseconds. */
const lookMs = 250
const settledMs = 3_000

interface Status {
  readonly observedGeneration?: number
  readonly sinkUri?: string
  readonly subjectCount?: number
}

/** Looks until it is Ready, or has been refused with the same reason for a while, or time is up. */
export async function untilReady(
  client: KubeClient,
  key: ObjectName,
  { subject, timeoutMs }: { subject: string; timeoutMs: number },
): Promise<Ended> {
  const begun = clock.monotonic()
  let last: Seen = { status: 'Unknown', reason: '', message: 'nobody has looked at it yet: is the controller running?' }
  let since = begun
  const progress = showProgress(() => `Waiting for ${subject}: ${last.reason || 'not looked at yet'}  ${last.message}`)
  try {
    for (;;) {
      const object = await client.get(kinds.sinkBinding, key, untilDone)
      if (object === null) return { kind: 'not', message: 'somebody has deleted the SinkBinding meanwhile', advice: '' }
      const now = clock.monotonic()
      const seen = seenIn(object) ?? last
      if (seen.status === 'True') return readyIn(object)
      if (seen.reason !== last.reason || seen.status !== last.status) since = now
      last = seen
      const settled = seen.status === 'False' && now - since >= settledMs
      if (settled || now - begun >= timeoutMs) return refused(key, last, now - begun >= timeoutMs ? timeoutMs : null)
      await pause(lookMs, untilDone)
    }
  } finally {
    progress.stop()
  }
}

interface Seen {
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** Null: nothing is said about this version yet. */
function seenIn(object: StoredObject): Seen | null {
  const { observedGeneration = 0 } = statusOf(object)
  const ready = conditionsOf(object).find(({ type }) => type === 'Ready')
  if (ready === undefined || observedGeneration < (object.metadata.generation ?? 0)) return null
  return { status: ready.status, reason: ready.reason ?? '', message: ready.message ?? '' }
}

function readyIn(object: StoredObject): Ended {
  const { sinkUri = '', subjectCount = 0 } = statusOf(object)
  const note = conditionsOf(object).find(({ type, message }) => type !== 'Ready' && (message ?? '') !== '')
  return { kind: 'ready', sinkUri, count: subjectCount, message: note?.message ?? '' }
}

function refused({ namespace, name }: ObjectName, { reason, message }: Seen, lateMs: number | null): Ended {
  const late = lateMs === null ? '' : ` after ${lateMs / 1000} s`
  const about = { kind: 'SinkBinding', namespace, name, systemNamespace: 'knative-eventing' }
  const why = [reason, message].filter((part) => part !== '').join(': ')
  return {
    kind: 'not',
    message: `SinkBinding ${namespace}/${name} is not Ready${late}: ${why}`,
    advice: adviceFor(reason, about),
  }
}

/** Looks until the object with this uid is gone; false: it is still there when time is up. */
export async function untilGone(client: KubeClient, key: ObjectName, uid: string, timeoutMs: number): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs
  const progress = showProgress(() => `Waiting until ${key.namespace}/${key.name} has let go of its workloads`)
  try {
    for (;;) {
      const found = await client.get(kinds.sinkBinding, key, untilDone)
      if (found === null || found.metadata.uid !== uid) return true
      if (clock.monotonic() >= end) return false
      await pause(lookMs, untilDone)
    }
  } finally {
    progress.stop()
  }
}

const statusOf = (object: StoredObject): Status => object['status'] ?? {}
