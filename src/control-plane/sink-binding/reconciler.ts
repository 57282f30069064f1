import { setImmediate as turn } from 'node:timers/promises'
import { fails, ready, waits } from '../../api/meta/condition.ts'
import { sinkBindingDependents, type SinkBinding, type SinkBindingCondition } from '../../api/sink-binding.ts'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { KubeClient, ObjectName, StoredObject } from '../../kube/client.ts'
import { asFault, isFault } from '../../kube/faults.ts'
import type { Outcome, Reconciler } from '../../kube/reconciler.ts'
import { hold, release } from '../finalizers.ts'
import { Patience } from '../patience.ts'
import { groupKindName, type References } from '../references.ts'
import { destinationResolver, type FullReference, type Resolved, type ResolveReference } from '../resolve.ts'
import { isTold, statusOf, statusWith } from '../status-of.ts'
import { verdictOf } from '../verdict.ts'
import { addressAsItWas, addressOf, trustable, type AddressStatus } from './address.ts'
import { binds } from './bindings.ts'
import { concludeBinding, sinkProvided, type SubjectOutcome, type SubjectResult } from './conclude.ts'
import type { Contest } from './contest.ts'
import {
  bindersOf,
  isExcluded,
  keptOut,
  kindsOf,
  observeBinding,
  type BindingWorld,
  type ObservedBinding,
} from './observe.ts'
import { recordOf } from './record.ts'
import type { Workload } from './subject-kinds.ts'
import { WorkloadWriter } from './workload-writer.ts'
import { containersOf, isFrozen } from './workload.ts'

interface ReconcilerParts extends BindingWorld {
  readonly client: KubeClient
  readonly references: References
  readonly resolve: ResolveReference
  readonly contest: Contest
  readonly clock: Clock
}

/** Workloads that are written at once for one SinkBinding. */
const atOnce = 8
/** Subjects that a status lists. */
const mostListed = 250
/** A kind that cannot be listed holds up no deletion longer than this, milliseconds. */
const loadingMs = 30_000
/** Nor does what keeps us from taking the variables out: the webhook of someone else that does not answer, say. Milliseconds. */
const undoingMs = 120_000
/** So often those looked after let others in between: most of them need no request. */
const turnEvery = 50
/** Where someone takes the variables away each time, it is looked again after this long. Milliseconds. */
const contestedMs = 60_000
/** A fallback where a change will tell: nothing is lost if that is missed. Milliseconds. */
const lookAgainMs = 5_000

type Serving = ObservedBinding & { readonly binding: SinkBinding }

/**
 *     SinkBinding, sink, workloads ──► observe ──► address changed? ──► status first: admission goes by it
 *                                         │  no
 *                                         ├──► workloads: bind, at most 8 at once ──► conclude ──► status
 *                                         └──► being deleted, or gone: workloads without it, then the finalizer
 *
 * What a workload becomes depends on all SinkBindings of its namespace, whoever of them is looked at (`inject.ts`).
 */
export class SinkBindingReconciler implements Reconciler {
  readonly #parts: ReconcilerParts
  readonly #writer: WorkloadWriter
  readonly #patience: Patience

  constructor(parts: ReconcilerParts) {
    this.#parts = parts
    this.#writer = new WorkloadWriter(parts.client, parts.contest)
    this.#patience = new Patience(parts.clock)
  }

  async reconcile(key: ObjectName, object: StoredObject | undefined, signal: AbortSignal): Promise<Outcome> {
    const { subjects, references } = this.#parts
    if (object === undefined) {
      references.set({ kind: 'SinkBinding', key }, [])
      return this.#undoOrphans(key, signal)
    }
    subjects.want(key, kindsOf(object))
    const seen = observeBinding(object, this.#parts)
    if (seen.deleting) return this.#finalize(seen, signal)
    const { binding } = seen
    if (binding === null) {
      const put = fails('SinkBindingAvailable', 'SpecInvalid', seen.problems)
      return { kind: 'settled', status: statusWith(object, sinkBindingDependents, put) }
    }
    return this.#serve({ ...seen, binding }, signal)
  }

  async #serve(seen: Serving, signal: AbortSignal): Promise<Outcome> {
    const { object, binding } = seen
    const sink = this.#resolved(seen)
    // First the finalizer: whatever is done after it is undone.
    if (!seen.hasFinalizer) {
      await hold(this.#parts.client, 'sinkBinding', object, signal)
      return { kind: 'waiting', afterMs: lookAgainMs }
    }
    const address = 'url' in sink ? addressOf(binding, sink, seen.sinkUri) : addressAsItWas(seen)
    if (address.sinkUri !== seen.sinkUri || address.sinkCACerts !== seen.sinkCACerts)
      return announced(seen, sink, address)
    const excludedNamespace = isExcluded(seen.namespace, this.#parts)
    const results = await this.#each(seen.workloads, (workload) => this.#treat(seen, workload, signal))
    const { subject } = binding.spec
    const view = seen.subjectKind ?? { kind: 'loading' as const }
    const verdict = concludeBinding({
      ...{ namespace: seen.namespace, subject, sink, sinkUri: seen.sinkUri, view, excludedNamespace },
      results: results.map(({ result }) => result),
    })
    // What is being looked up was found before, as a rule: nobody is told that a controller starts.
    const afterMs = this.#patience.holdMs(object.metadata.uid, verdict, isTold(object))
    if (afterMs > 0) return { kind: 'waiting', afterMs }
    const whole = seen.views.every((each) => each.kind !== 'loading')
    const subjects = whole ? subjectsIn(results.map(({ result }) => result)) : subjectsAsTheyWere(object)
    const status = { ...subjects, ...address, conditions: verdict.conditions }
    const fault = results.find((each) => each.fault !== undefined)?.fault
    if (fault !== undefined) return { kind: 'failed', fault, status }
    const contested = results.some(isContested)
    return contested ? { kind: 'waiting', afterMs: contestedMs, status } : { kind: 'settled', status }
  }

  #resolved({ object, namespace, binding }: Serving): Resolved {
    const refs: FullReference[] = []
    const { resolve, references } = this.#parts
    const sink = destinationResolver((ref) => (refs.push(ref), resolve(ref)))(binding.spec.sink, namespace)
    references.set({ kind: 'SinkBinding', key: { namespace, name: object.metadata.name } }, refs)
    return trustable(sink, binding)
  }

  /** One workload, as it shall be. */
  async #treat({ object, name }: ObservedBinding, workload: Workload, signal: AbortSignal): Promise<Treated> {
    const { apiVersion, kind } = workload.object
    const wanted = binds(object, workload.kind, workload.object.metadata)
    const as = (outcome: SubjectOutcome, fault?: Fault): Treated => ({
      result: { apiVersion, kind, name: workload.object.metadata.name, wanted, outcome },
      fault,
    })
    const out = keptOut(workload, this.#parts)
    // Whoever made it would undo each change.
    if (out?.kind === 'owned' || out?.kind === 'going') return as(out)
    const isIn = Object.hasOwn(recordOf(workload.object), name)
    if (out?.kind === 'ended' && wanted) return as(isIn ? { kind: 'bound' } : out)
    if (wanted && containersOf(workload.object, workload.kind, 'containers') === null)
      return as({ kind: 'notBindable' })
    try {
      const of = (live: StoredObject) => bindersOf(live, workload.kind, this.#parts, object)
      const written = await this.#writer.write(workload, of, signal)
      if (written.kind === 'gone') return as({ kind: 'going' })
      if (out !== null) return as(out)
      const rival = written.bound.conflicts.get(name)
      if (rival !== undefined) return as({ kind: 'conflict', with: rival })
      if (written.kind === 'contested') return as({ kind: 'contested' })
      if (Object.hasOwn(written.bound.record, name)) return as({ kind: 'bound' })
      return as({ kind: isFrozen(workload.kind) ? 'jobNotBound' : 'waiting' })
    } catch (error) {
      if (signal.aborted || !(error instanceof Fault)) throw error
      const forbidden = isFault(error, 'ApiForbidden')
      return as({ kind: 'failed', message: error.message, forbidden }, error)
    }
  }

  /**
   * Subjects lose what it put into them, but for those that go with their namespace. What cannot be changed, by right, by rule, or for long, stays: it
   * holds nothing up, and is tried again when the SinkBinding is gone.
   */
  async #finalize(seen: ObservedBinding, signal: AbortSignal): Promise<Outcome> {
    const { object } = seen
    const key = { namespace: seen.namespace, name: seen.name }
    this.#parts.references.set({ kind: 'SinkBinding', key }, [])
    if (!seen.hasFinalizer) return { kind: 'settled' }
    const goesWhole = this.#parts.namespaces.get({ namespace: '', name: seen.namespace })?.metadata.deletionTimestamp
    const unfinished = goesWhole === undefined ? await this.#undo(seen, signal) : null
    if (unfinished !== null) return unfinished
    const { uid } = object.metadata
    for (const what of [uid, `loading ${uid}`, `undoing ${uid}`]) this.#patience.forget(what)
    await release(this.#parts.client, 'sinkBinding', object, signal)
    return { kind: 'settled' }
  }

  /** Null: as much was done as can be. */
  async #undo(seen: ObservedBinding, signal: AbortSignal): Promise<Outcome | null> {
    const { uid } = seen.object.metadata
    const loading = seen.views.some((view) => view.kind === 'loading')
    if (loading && this.#patience.lasted(`loading ${uid}`) < loadingMs) return { kind: 'waiting', afterMs: 500 }
    const results = await this.#each(seen.workloads, (workload) => this.#treat(seen, workload, signal))
    const fault = results.map((each) => each.fault).find((each) => each !== undefined && mayHelp(each))
    const done = fault === undefined && !results.some(isContested)
    if (done || this.#patience.lasted(`undoing ${uid}`) >= undoingMs) return null
    return fault === undefined ? { kind: 'waiting', afterMs: lookAgainMs } : { kind: 'failed', fault }
  }

  /** Workloads whose record names a SinkBinding that is gone: its finalizer was taken off by hand, or admission was late. */
  async #undoOrphans(key: ObjectName, signal: AbortSignal): Promise<Outcome> {
    const { subjects } = this.#parts
    const isIn = ({ object }: Workload): boolean => Object.hasOwn(recordOf(object), key.name)
    const orphans = subjects
      .allIn(key.namespace)
      .filter((each) => isIn(each) && keptOut(each, this.#parts)?.kind !== 'owned')
    // Followed until it is out of them.
    subjects.want(key, [...new Map(orphans.map(({ kind }) => [groupKindName(kind), kind])).values()])
    const written = await this.#each(orphans, async (workload) => {
      const of = (live: StoredObject) => bindersOf(live, workload.kind, this.#parts)
      return this.#writer.write(workload, of, signal).catch((error: unknown) => {
        if (mayHelp(asFault(error))) throw error
        return null
      })
    })
    if (written.some((each) => each?.kind === 'contested')) return { kind: 'waiting', afterMs: contestedMs }
    subjects.want(key, [])
    return { kind: 'settled' }
  }

  async #each<T>(workloads: readonly Workload[], work: (workload: Workload) => Promise<T>): Promise<readonly T[]> {
    const results: T[] = []
    let next = 0
    const run = async (): Promise<void> => {
      for (let i = next++; i < workloads.length; i = next++) {
        if (i % turnEvery === turnEvery - 1) await turn()
        results[i] = await work(workloads[i] as Workload)
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, workloads.length) }, run))
    return results
  }
}

interface Treated {
  readonly result: SubjectResult
  readonly fault: Fault | undefined
}

function isContested({ result }: Treated): boolean {
  return result.outcome.kind === 'contested'
}

/**
 * The new address stands in the status before any workload has it: a replica that still knew the old one would put that back at the next
 * admission, and pods would be replaced three times in place of once. Records say which version they come from (`inject.ts`).
 */
function announced({ object, sinkUri }: ObservedBinding, sink: Resolved, address: AddressStatus): Outcome {
  const put = waits('SinkBindingAvailable', 'Pending', `subjects are given the address ${address.sinkUri ?? ''}`)
  const { sinkUri: _, sinkCACerts: __, ...rest } = statusWith(object, sinkBindingDependents, put)
  const conditions: SinkBindingCondition[] = [sinkProvided({ sink, sinkUri }), put]
  const told = verdictOf(conditions, ready(sinkBindingDependents, conditions)).conditions
  return { kind: 'waiting', afterMs: 1, status: { ...rest, ...address, conditions: told } }
}

/** What it is in, and what it could not be taken out of: that is remembered. */
function subjectsIn(results: readonly SubjectResult[]) {
  const isIn = ({ wanted, outcome: { kind } }: SubjectResult): boolean =>
    wanted ? kind === 'bound' : kind === 'failed'
  const all = results
    .filter(isIn)
    .map(({ apiVersion, kind, name }) => ({ apiVersion, kind, name }))
    .toSorted((a, b) => (`${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1))
  return { subjectCount: all.length, ...(all.length === 0 ? {} : { subjects: all.slice(0, mostListed) }) }
}

/** While they are being looked up nothing is forgotten. */
function subjectsAsTheyWere(object: StoredObject) {
  const { subjectCount, subjects } = statusOf(object)
  return { ...(subjectCount === undefined ? {} : { subjectCount }), ...(subjects === undefined ? {} : { subjects }) }
}

function mayHelp(fault: Fault): boolean {
  return fault.retriable && !isFault(fault, 'ApiForbidden', 'ApiNotFound')
}
