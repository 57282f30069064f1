import { z } from 'zod'
import { isMap, valueAt, type JsonObject } from '../../api/json.ts'
import { canonicalJson } from '../../kube/equal.ts'
import { isAfter } from '../../kube/resource-version.ts'

/** On the workload itself, never in its pod template: what was put into it, and what stood there before. JSON of {@link WorkloadRecord}. */
export const recordAnnotation = 'sources.millrace.dev/bound'

const Entry = z.looseObject({ name: z.string() })
const BindingRecord = z.object({
  uid: z.string(),
  /** The version of the SinkBinding that said so: whoever knows an older one only leaves this as it is. */
  at: z.string(),
  env: z.record(z.string(), z.string()),
  /** By variable: fingerprints of the values that it had before, at most three, the newest last. */
  former: z.record(z.string(), z.array(z.string())).optional(),
  /** By container: its name, or what stands for it. */
  was: z.record(z.string(), z.array(z.object({ index: z.int().min(0), entry: Entry }))).optional(),
})

/** What one SinkBinding put into a workload. */
export type BindingRecord = z.infer<typeof BindingRecord>

/** By the name of the SinkBinding. */
export type WorkloadRecord = Readonly<Record<string, BindingRecord>>

/** What a map says of a name; nothing of what all objects of JavaScript have (`constructor` is a name of Kubernetes, too). */
export function saidOf<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined
}

const known = new WeakMap<JsonObject, WorkloadRecord>()

/** What an object says was put into it; nothing when it says nothing that can be read. Read once for each version of an object. */
export function recordOf(object: JsonObject | null): WorkloadRecord {
  if (object === null) return {}
  const record = known.get(object) ?? read(object)
  known.set(object, record)
  return record
}

function read(object: JsonObject): WorkloadRecord {
  const text = valueAt(object, ['metadata', 'annotations', recordAnnotation])
  if (typeof text !== 'string') return {}
  try {
    const parsed = z.record(z.string(), BindingRecord).safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : {}
  } catch {
    return {}
  }
}

/**
 * A record as it counts for a workload that is stored in this version: it was written later than the SinkBinding that it speaks of, so one that
 * claims to know more comes from another cluster, or from before this one was restored, and knows nothing. '': the workload is only being made.
 */
export function ofThisCluster(record: WorkloadRecord, version: string): WorkloadRecord {
  if (Object.values(record).every(({ at }) => !isAfter(at, version))) return record
  const all = Object.entries(record).map(([name, each]) => [
    name,
    isAfter(each.at, version) ? { ...each, at: '' } : each,
  ])
  return Object.fromEntries(all) as WorkloadRecord
}

/** The object with this record; without the annotation when the record is empty. */
export function withRecord(object: JsonObject, record: WorkloadRecord): JsonObject {
  const metadata = isMap(object['metadata']) ? object['metadata'] : {}
  const { annotations, ...rest } = metadata
  const { [recordAnnotation]: before, ...others } = isMap(annotations) ? annotations : {}
  const empty = Object.keys(record).length === 0
  if (empty && before === undefined) return object
  const all = empty ? others : { ...others, [recordAnnotation]: canonicalJson(record) }
  if (before === all[recordAnnotation]) return object
  return { ...object, metadata: Object.keys(all).length === 0 ? rest : { ...rest, annotations: all } }
}
