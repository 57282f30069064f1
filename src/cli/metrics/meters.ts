import type { Clock } from '../../core/clock.ts'
import { DispatcherMetrics } from '../../data-plane/dispatcher/metrics.ts'
import { KafkaMetrics } from '../../kafka/kafka-metrics.ts'
import { KubeMetrics } from '../../kube/kube-metrics.ts'
import { LoopMetrics } from '../../kube/loop-metrics.ts'
import { Metrics } from '../../telemetry/metrics/metrics.ts'

/** What a process counts, each part from the moment that somebody asks for it: a process tells only of what it does. */
export class Meters {
  readonly metrics = new Metrics()
  readonly #clock: Clock
  #kafka: KafkaMetrics | null = null
  #kube: KubeMetrics | null = null
  #loops: LoopMetrics | null = null
  #dispatchers: DispatcherMetrics | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get kafka(): KafkaMetrics {
    return (this.#kafka ??= new KafkaMetrics(this.metrics))
  }

  get kube(): KubeMetrics {
    return (this.#kube ??= new KubeMetrics(this.metrics))
  }

  get loops(): LoopMetrics {
    return (this.#loops ??= new LoopMetrics(this.metrics))
  }

  get dispatchers(): DispatcherMetrics {
    if (this.#dispatchers === null) {
      this.#dispatchers = new DispatcherMetrics(this.#clock)
      this.metrics.add(this.#dispatchers)
    }
    return this.#dispatchers
  }
}
