import { afterAll, beforeAll, describe } from 'vitest'
import { startApiServer, type RunningApiServer } from '../support/api-server.ts'
import { eventingPromises } from './webhook/eventing.ts'
import { kafkaSourcePromises } from './webhook/kafka-sources.ts'
import { WebhookRig } from './webhook/rig.ts'
import { sinkBindingPromises } from './webhook/sink-bindings.ts'

let api: RunningApiServer | undefined
beforeAll(async () => void (api = await startApiServer()))
afterAll(() => api?.close())

const open = (): Promise<WebhookRig> => WebhookRig.start(api!)

describe('KafkaSources', () => kafkaSourcePromises(open))
describe('SinkBindings', () => sinkBindingPromises(open))
describe('Brokers and Triggers', () => eventingPromises(open))
