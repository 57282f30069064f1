import { keepLastGood } from '../../api/last-good.ts'
import { parseManifests, type Manifest } from '../../api/manifest.ts'
import { formatProblem, objectName } from '../../api/problem.ts'
import type { MemoryRoutes } from '../../contract/memory-routes.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReport, OutletReporter } from '../../contract/route-source.ts'
import {
  compileManifests,
  manifestResolver,
  type Compiled,
  type CompileOptions,
} from '../../control-plane/compile-manifests.ts'
import { conclude, type ObjectStatus } from '../../control-plane/conclude.ts'
import { bindManifests, type BoundWorkload, type CompiledBinding } from '../../control-plane/sink-binding/compile.ts'
import { commandAnnotation, type Processes } from './processes.ts'
import { bindingLine } from './binding-line.ts'
import type { WatchedFile } from '../watched-files.ts'
import type { Topics } from './topics.ts'
import { namedServices } from './services.ts'
import { receiversIn, type World } from './topology.ts'
import type { SourceLines } from './source-lines.ts'
import type { Voice } from './voice.ts'

/**
 * Makes what the manifests say true:
 *
 *     files ──► parse ──► last good version of each ──► compile ──► topics, Inlets, Outlets
 *                 └ problems are said                                   │ observed
 *                                     │               conclude ◄────────┘ ──► said when it changes
 *                                     └► SinkBindings, workloads ──► programs with K_SINK
 */
export class Applier implements OutletReporter {
  readonly #options: CompileOptions
  readonly #namespace: string
  readonly #routes: MemoryRoutes
  readonly #topics: Topics
  readonly #voice: Voice
  readonly #processes: Processes
  readonly #sourceLines: SourceLines
  readonly #reports = new Map<string, OutletReport>()
  #inForce: readonly Manifest[] = []
  #services: ReadonlyMap<string, string> = new Map()
  #compiled: Compiled | undefined
  #bindings: readonly CompiledBinding[] = []
  #statuses: readonly ObjectStatus[] = []

  constructor(parts: {
    options: CompileOptions
    namespace: string
    routes: MemoryRoutes
    topics: Topics
    voice: Voice
    processes: Processes
    sourceLines: SourceLines
  }) {
    this.#options = parts.options
    this.#namespace = parts.namespace
    this.#routes = parts.routes
    this.#topics = parts.topics
    this.#voice = parts.voice
    this.#processes = parts.processes
    this.#sourceLines = parts.sourceLines
  }

  /** What there is now, and how it is. */
  get world(): World {
    const { triggers = [], outlets = [] } = this.#compiled ?? {}
    const receivers = receiversIn(this.#inForce)
    return { statuses: this.#statuses, triggers, outlets, bindings: this.#bindings, receivers }
  }

  /** The URLs that Services of the manifests name, by `<namespace>/<name>`. */
  get services(): ReadonlyMap<string, string> {
    return this.#services
  }

  /** Applies these files in place of all that was applied before. Never throws for what a user wrote. */
  apply(files: readonly WatchedFile[]): void {
    const parsed = parseManifests(files, { defaultNamespace: this.#namespace })
    const errors = parsed.problems.filter((problem) => problem.severity === 'error')
    this.#voice.once('problems', parsed.problems.map(formatProblem).join('\n'))
    const again = this.#compiled !== undefined
    if (errors.length > 0 && again)
      this.#voice.line('Not applied where there is an error: the last good version stays in force.')
    this.#inForce = keepLastGood(this.#inForce, parsed)
    this.#services = namedServices(this.#inForce)
    this.#compile()
  }

  /** Takes what the dispatcher reports of an Outlet. */
  report(report: OutletReport): void {
    if (report.state === 'released') {
      this.#reports.delete(report.uid)
      this.#topics.outletReleased(report.uid)
    } else this.#reports.set(report.uid, report)
    this.conclude()
  }

  /**
   * Says what changed in the state of each object, and hands Outlets to the dispatcher once their topic has been there: before, it would only
   * complain that there is none. Inlets need not wait: a sender gets 503 until there is a topic, where without an Inlet it would be 404.
   */
  conclude(): void {
    if (this.#compiled === undefined) return
    const there = this.#compiled.outlets.filter(({ topic }) => this.#topics.seen.has(topic))
    this.#routes.outlets.replace(there.map((outlet) => this.#begun(outlet)))
    const { observed: topics, existing } = this.#topics
    // A KafkaSource that asks by pattern has other topics now.
    if (existing !== this.#compiled.existing) return this.#compile()
    const observed = { topics, outlets: this.#reports, ingressListening: true }
    this.#statuses = conclude(this.#compiled, existing === undefined ? observed : { ...observed, existing })
    this.#voice.statuses(this.#statuses)
    this.#sourceLines.told(this.#statuses)
  }

  /** Someone else's topic that comes later is read from its first record. */
  #begun(outlet: Outlet): Outlet {
    if (outlet.source.kind !== 'KafkaSource' || !this.#topics.late.has(outlet.topic)) return outlet
    const { startAtMs: _, ...rest } = outlet
    return { ...rest, start: 'earliest' }
  }

  #compile(): void {
    const before = this.#compiled
    const previous = before === undefined ? {} : { previous: before }
    const { existing } = this.#topics
    const lists = existing === undefined ? {} : { existing }
    const now = compileManifests(this.#inForce, { ...this.#options, ...previous, ...lists })
    this.#compiled = now
    for (const { key, message } of now.notices)
      this.#voice.once(`notice ${objectName(key)} ${message}`, `${objectName(key)}: ${message}`)
    const { workloads, bindings } = bindManifests(this.#inForce, manifestResolver(this.#inForce, this.#options))
    for (const { key } of this.#inForce.filter((manifest) => needsCluster(manifest, workloads))) {
      const name = objectName(key)
      this.#voice.once(
        `notice ${name}`,
        `${name} is left to a cluster: run that program yourself and name it with --service, or name a command that dev runs with the annotation ${commandAnnotation}`,
      )
    }
    for (const { key } of this.#goneSince(before, now)) this.#voice.gone(key.kind, key.namespace, key.name)
    for (const binding of bindings) this.#voice.once(`status ${objectName(binding.key)}`, bindingLine(binding))
    for (const { key } of this.#bindings)
      if (!bindings.some((each) => objectName(each.key) === objectName(key)))
        this.#voice.gone(key.kind, key.namespace, key.name)
    this.#bindings = bindings
    this.#processes.want(workloads)
    this.#topics.want(now)
    this.#sourceLines.compiled(this.#inForce, now)
    this.#routes.inlets.replace(now.inlets)
    this.conclude()
  }

  #goneSince(before: Compiled | undefined, now: Compiled) {
    const all = (compiled: Compiled | undefined) =>
      compiled === undefined ? [] : [...compiled.brokers, ...compiled.triggers, ...compiled.kafkaSources]
    const present = new Set(all(now).map(({ key }) => JSON.stringify(key)))
    return all(before).filter(({ key }) => !present.has(JSON.stringify(key)))
  }
}

/** Kinds beside ours that `dev` uses, or that need no word. */
const quietKinds = new Set(['Service', 'ConfigMap', 'Namespace', 'Secret', 'ServiceAccount'])

function needsCluster(manifest: Manifest, workloads: readonly BoundWorkload[]): boolean {
  if (manifest.kind !== 'other' || quietKinds.has(manifest.key.kind)) return false
  const found = workloads.find(({ key }) => objectName(key) === objectName(manifest.key))
  return found?.annotations[commandAnnotation] === undefined
}
