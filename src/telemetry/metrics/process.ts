import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { counter, gauge, type Family } from './family.ts'
import type { MetricSource, Samples } from './samples.ts'

const cpu = counter(
  'process_cpu_seconds_total',
  [],
  'CPU time of the process, all threads. One that stays near its limit: give it more, or run more replicas.',
)
const rss = gauge(
  'process_resident_memory_bytes',
  [],
  'Memory of the process as the kernel counts it. Compare it with the memory limit of the pod: beyond it the pod is killed.',
)
const started = gauge(
  'process_start_time_seconds',
  [],
  'When the process started, seconds since 1970. A value that changes often: the pod restarts, ask kubectl describe pod why.',
)
const files = gauge('process_open_fds', [], 'Open files and connections. One that only grows is a leak: report it.')
const heap = gauge(
  'nodejs_heap_size_used_bytes',
  [],
  'JavaScript heap in use. Near nodejs_heap_size_limit_bytes: give the pod more memory.',
)
const heapLimit = gauge(
  'nodejs_heap_size_limit_bytes',
  [],
  'Where the JavaScript heap ends: half of the memory limit of the pod, unless NODE_OPTIONS say otherwise.',
)
const loopMean = gauge(
  'nodejs_eventloop_lag_mean_seconds',
  [],
  'How late timers were on average since the last scrape. Above 0.05: the process has more to do than one core can.',
)
const loopP99 = gauge(
  'nodejs_eventloop_lag_p99_seconds',
  [],
  'How late the latest hundredth of timers was since the last scrape: by so much answers were delayed. Above 0.2: run more replicas.',
)
const loopMax = gauge(
  'nodejs_eventloop_lag_max_seconds',
  [],
  'How late the latest timer was since the last scrape. Above 1: something held up everything; report it with the logs of that time.',
)
const build = gauge(
  'millrace_build_info',
  ['version', 'node', 'role'],
  'Always 1; the labels say what runs. Two versions for longer than a rollout takes: a rollout hangs.',
)

export const processFamilies: readonly Family[] = [
  ...[cpu, rss, started, files, heap, heapLimit, loopMean, loopP99, loopMax, build],
]

/** How exact the delay of the event loop is measured, milliseconds: so often the process wakes up for it. */
const resolutionMs = 20

/** What this process takes of its machine. Named as prom-client and others name them, so that dashboards for Node.js show them. */
export class ProcessMetrics implements MetricSource {
  readonly families = processFamilies
  readonly #loop = monitorEventLoopDelay({ resolution: resolutionMs })
  readonly #build: string

  /** @param build `version="1.0",…` */
  constructor(build: string) {
    this.#build = build
    this.#loop.enable()
  }

  close(): void {
    this.#loop.disable()
  }

  *collect(samples: Samples): Iterable<void> {
    const { user, system } = process.cpuUsage()
    samples.add(cpu, '', (user + system) / 1e6)
    samples.add(rss, '', process.memoryUsage.rss())
    samples.add(started, '', Math.round(performance.timeOrigin) / 1000)
    const open = openFiles()
    if (open !== null) samples.add(files, '', open)
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    samples.add(heap, '', used)
    samples.add(heapLimit, '', limit)
    samples.add(build, this.#build, 1)
    yield
    this.#eventLoop(samples)
  }

  /** What is measured is the time between two ticks: what is beyond the resolution is delay. */
  #eventLoop(samples: Samples): void {
    const loop = this.#loop
    const seconds = (ns: number): number =>
      Number.isFinite(ns) ? Math.max(0, Math.round(ns / 1e3 - resolutionMs * 1e3) / 1e6) : 0
    const measured = loop.count > 0
    samples.add(loopMean, '', measured ? seconds(loop.mean) : 0)
    samples.add(loopP99, '', measured ? seconds(loop.percentile(99)) : 0)
    samples.add(loopMax, '', measured ? seconds(loop.max) : 0)
    loop.reset()
  }
}

/** Null where the system does not say. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}
