import { Broker } from '../api/broker.ts'
import { withoutNulls } from '../api/json.ts'
import { KafkaSource } from '../api/kafka-source.ts'
import { SinkBinding } from '../api/sink-binding.ts'
import { Trigger } from '../api/trigger.ts'
import {
  validateBroker,
  validateKafkaSource,
  validateSinkBinding,
  validateTrigger,
  type FieldProblem,
} from '../api/validate.ts'
import type { StoredObject } from '../kube/client.ts'

/** An object of the API server as its schema reads it, or sentences about what is wrong with it. */
export type Parsed<T> =
  { readonly value: T; readonly problems?: never } | { readonly value: null; readonly problems: string }

const brokers = new WeakMap<StoredObject, Parsed<Broker>>()
const triggers = new WeakMap<StoredObject, Parsed<Trigger>>()
const sinkBindings = new WeakMap<StoredObject, Parsed<SinkBinding>>()
const kafkaSources = new WeakMap<StoredObject, Parsed<KafkaSource>>()

/** Read once for each version of an object. */
export function parsedBroker(object: StoredObject): Parsed<Broker> {
  return remember(brokers, object, () => {
    const { success, data } = Broker.safeParse(withoutNulls(object))
    return success ? { value: data } : { value: null, problems: said(validateBroker(object)) }
  })
}

/** Read once for each version of an object. */
export function parsedTrigger(object: StoredObject): Parsed<Trigger> {
  return remember(triggers, object, () => {
    const { success, data } = Trigger.safeParse(withoutNulls(object))
    return success ? { value: data } : { value: null, problems: said(validateTrigger(object)) }
  })
}

/** Read once for each version of an object. */
export function parsedSinkBinding(object: StoredObject): Parsed<SinkBinding> {
  return remember(sinkBindings, object, () => {
    const { success, data } = SinkBinding.safeParse(withoutNulls(object))
    return success ? { value: data } : { value: null, problems: said(validateSinkBinding(object)) }
  })
}

/** Read once for each version of an object. */
export function parsedKafkaSource(object: StoredObject): Parsed<KafkaSource> {
  return remember(kafkaSources, object, () => {
    const { success, data } = KafkaSource.safeParse(withoutNulls(object))
    return success ? { value: data } : { value: null, problems: said(validateKafkaSource(object)) }
  })
}

function remember<T>(known: WeakMap<StoredObject, T>, object: StoredObject, read: () => T): T {
  const before = known.get(object)
  if (before !== undefined) return before
  const now = read()
  known.set(object, now)
  return now
}

/** Such an object came past admission: it was stored before, or while the webhook was away. */
function said(problems: readonly FieldProblem[]): string {
  const all = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')
  return `${all === '' ? 'it is not understood by this version' : all}. Correct it and apply it again`
}
