import { never } from '../../core/never.ts'
import { defaultBroker, judgeBroker } from './admit/broker.ts'
import { defaultKafkaSource, judgeKafkaSource } from './admit/kafka-source.ts'
import { defaultSinkBinding, judgeSinkBinding } from './admit/sink-binding.ts'
import { brokerOf, defaultTrigger, judgeTrigger, type NamedClass } from './admit/trigger.ts'
import type { AdmissionRequest, Verdict } from './review.ts'
import type { AdmissionWorld } from './world.ts'

/** The two questions of an API server: what shall be stored, and may it be. Neither changes anything: a dry run is asked the same. */
export interface Admission {
  mutate(request: AdmissionRequest, signal: AbortSignal): Promise<Verdict>
  validate(request: AdmissionRequest, signal: AbortSignal): Promise<Verdict>
}

/** observe (world) → decide (admit/, pure). */
export function admission(world: AdmissionWorld): Admission {
  const named = async (request: AdmissionRequest, signal: AbortSignal): Promise<NamedClass> => {
    const broker = brokerOf(request)
    return broker === null ? null : world.brokerClass(broker, signal)
  }
  return {
    async mutate(request, signal) {
      switch (request.kind) {
        case 'Broker':
          return defaultBroker(request, await world.defaults(signal))
        case 'Trigger':
          return defaultTrigger(request, await named(request, signal))
        case 'SinkBinding':
          return defaultSinkBinding(request)
        case 'KafkaSource':
          return defaultKafkaSource(request, world.newGroup())
        default:
          return never(request.kind)
      }
    },
    async validate(request, signal) {
      switch (request.kind) {
        case 'Broker':
          return judgeBroker(request, await world.defaults(signal))
        case 'Trigger':
          return judgeTrigger(request, await named(request, signal))
        case 'SinkBinding':
          return judgeSinkBinding(request)
        case 'KafkaSource':
          return judgeKafkaSource(request)
        default:
          return never(request.kind)
      }
    },
  }
}
