import { expect, it } from 'vitest'
import { holds } from '../../api/meta/condition.ts'
import type { WorkerState } from '../workers/reconciler.ts'
import type { CompiledBroker } from './compile.ts'
import { concludeBroker } from './conclude.ts'

const key = { kind: 'Broker', namespace: 'shop', name: 'default' }
const broker: CompiledBroker = {
  key,
  uid: 'u',
  address: 'http://ingress/shop/default',
  topic: { external: false, spec: { name: 't', partitions: 1, replicationFactor: 1, config: {} } },
  inlet: { uid: 'u', source: key, path: '/shop/default', topic: 't' },
  delivery: { delivery: { retry: 0, backoffPolicy: 'exponential', backoffDelayMs: 1, timeoutMs: 1 } },
  conditions: [holds('ConfigParsed'), holds('DeadLetterSinkResolved'), holds('TopicReady')],
  notices: [],
}

it.each<[WorkerState | undefined, string, string, string]>([
  [undefined, 'True', '', ''],
  [{ kind: 'ok' }, 'True', '', ''],
  [{ kind: 'notOurs', message: 'it is of others' }, 'False', 'NotOurs', 'it is of others'],
  [{ kind: 'refused', message: 'it is not taken' }, 'False', 'Refused', 'it is not taken'],
])('Ready where the Service of the address is %o', (address, status, reason, message) => {
  const seen = { topic: 'ready', dataPlane: holds('DataPlaneAvailable') } as const
  const verdict = concludeBroker(broker, address === undefined ? seen : { ...seen, address })
  expect(verdict).toMatchObject({ ready: status, reason, message })
  expect(verdict.conditions).toContainEqual({ type: 'Addressable', status, reason, message })
})
