import { expect, it } from 'vitest'
import { environment, UsageError } from '../flags.ts'
import { dispatcherFlags, ingressFlags } from '../worker-flags.ts'

const env = environment({ POD_NAME: 'millrace-dispatcher-0' })
const inPod = { kubernetes: true, group: 'fleet', data: 'data' }

it('the port of metrics is that of Knative in a pod, none outside of one, and what is said everywhere', () => {
  expect(dispatcherFlags(inPod, env).metricsPort).toBe(9090)
  expect(dispatcherFlags({ ...inPod, metricsPort: '9091' }, env).metricsPort).toBe(9091)
  expect(dispatcherFlags({ ...inPod, metricsPort: 'off' }, env).metricsPort).toBeUndefined()
  expect(dispatcherFlags({ ...inPod, kubeconfig: 'config' }, env).metricsPort).toBeUndefined()
  const local = { routes: 'routes.json', kafka: 'localhost:9092', port: '0' }
  expect(ingressFlags(local, env).metricsPort).toBeUndefined()
  expect(ingressFlags({ ...local, metricsPort: '0' }, env).metricsPort).toBe(0)
  expect(() => ingressFlags({ ...local, metricsPort: 'no' }, env)).toThrow(UsageError)
})
