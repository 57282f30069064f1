import { describe, vi } from 'vitest'
import { brokerPromises } from './kafka-auth/brokers.ts'
import { useAuthScene } from './kafka-auth/scene.ts'
import { sourcePromises } from './kafka-auth/sources.ts'

// Each waits for Secrets to be read again, a minute: together they wait for it once.
vi.setConfig({ testTimeout: 600_000 })
const scene = useAuthScene()

describe.concurrent('Brokers', () => brokerPromises(scene))
describe.concurrent('KafkaSources', () => sourcePromises(scene))
