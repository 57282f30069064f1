import { afterAll, beforeAll, describe } from 'vitest'
import { startRealApi } from '../support/real-api.ts'
import { clusterCommandPromises } from './cli-cluster-promises.ts'
import { controlPlanePromises } from './control-plane-promises.ts'
import { kafkaSignInPromises } from './kafka-sign-in-promises.ts'

describe('on a real API server', () => {
  let real: Awaited<ReturnType<typeof startRealApi>> | undefined

  beforeAll(async () => void (real = await startRealApi()))
  afterAll(() => real?.close())

  controlPlanePromises(() => Promise.resolve(real!.api), true)
  kafkaSignInPromises(() => Promise.resolve(real!.api))
  describe('the command line', () => clusterCommandPromises(() => real!))
})
