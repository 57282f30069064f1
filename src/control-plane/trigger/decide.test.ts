import { describe, expect, it } from 'vitest'
import type { Trigger } from '../../api/trigger.ts'
import type { StoredObject } from '../../kube/client.ts'
import type { BoardEntry } from '../board.ts'
import type { CompiledBroker } from '../broker/compile.ts'
import type { LiveWorker } from '../fleet.ts'
import type { Resolved } from '../resolve.ts'
import { decideTrigger, type TriggerPlan } from './decide.ts'
import type { ObservedTrigger } from './observe.ts'

const object: StoredObject = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { namespace: 'shop', name: 'orders', uid: 'u', resourceVersion: '1' },
}
const trigger: Trigger = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name: 'orders' },
  spec: { broker: 'default', subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 's' } } },
}
const brokerKey = { kind: 'Broker', namespace: 'shop', name: 'default' }
const compiled: CompiledBroker = {
  key: brokerKey,
  uid: 'b',
  address: 'http://ingress/shop/default',
  topic: { external: false, spec: { name: 't', partitions: 10, replicationFactor: 1, config: {} } },
  cluster: { bootstrapServers: 'k:1' },
  inlet: { uid: 'b', source: brokerKey, path: '/shop/default', topic: 't' },
  delivery: { delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 1, timeoutMs: 1 } },
  conditions: [],
  notices: [],
}
const entry: BoardEntry = {
  compiled,
  verdict: { ready: 'True', reason: '', message: '' },
  topicUsable: true,
  partitions: 10,
}
const known = (more: Partial<BoardEntry> = {}) => ({ kind: 'known', entry: { ...entry, ...more } }) as const
const fresh: ObservedTrigger = {
  object,
  key: { kind: 'Trigger', namespace: 'shop', name: 'orders' },
  trigger,
  problems: '',
  deleting: false,
  hasFinalizer: true,
  forced: false,
  broker: known(),
  annotations: {},
  group: 'g',
  takenBy: null,
  outlet: undefined,
  outletStatus: undefined,
  outletVersion: undefined,
  outletDeletion: undefined,
  unseen: undefined,
  goneMs: 0,
  dispatchers: [],
}
const there: Resolved = { url: 'http://s' }
const decide = (more: Partial<ObservedTrigger>, address: Resolved = there): TriggerPlan =>
  decideTrigger({ ...fresh, ...more }, () => address)
const gone = { version: '10', topic: 't', cluster: { bootstrapServers: 'k:1' } }
const inUse = { 'group.id': 'g', 'bootstrap.servers': 'old:1' }
const worker: LiveWorker = { name: 'w', role: 'dispatcher', seen: '9', owns: new Map(), refused: new Set() }

describe('the Outlet of a Trigger', () => {
  it.each<[string, Partial<ObservedTrigger>, Resolved, string]>([
    ['is made', {}, there, 'apply'],
    ['is kept as compiled', { outlet: object }, there, 'apply'],
    ['is made when the topic is there, not before', { broker: known({ topicUsable: false }) }, there, 'none'],
    ['stays while Kafka is away', { outlet: object, broker: known({ topicUsable: false }) }, there, 'apply'],
    ['waits for the subscriber', {}, { missing: 'no' }, 'none'],
    ['waits, with its positions, for a subscriber that is gone', { outlet: object }, { missing: 'no' }, 'pause'],
    [
      'waits for a dead letter sink that is gone, be it that of the Broker',
      {
        outlet: object,
        broker: known({ compiled: { ...compiled, delivery: { delivery: null, missing: { missing: 'no' } } } }),
      },
      there,
      'pause',
    ],
    [
      'goes with the Broker, whatever becomes of the subscriber',
      { outlet: object, broker: { kind: 'absent' } },
      { missing: 'no' },
      'remove',
    ],
    [
      'goes when the group is someone else’s, whatever becomes of the subscriber',
      { outlet: object, takenBy: { namespace: 'a', name: 'b' } },
      { missing: 'no' },
      'remove',
    ],
    ['stays when nobody could look up the subscriber', { outlet: object }, { missing: 'no', unknown: true }, 'keep'],
    ['is not made for a guess', {}, { missing: 'no', unknown: true }, 'none'],
    ['goes with the Broker', { outlet: object, broker: { kind: 'absent' } }, there, 'remove'],
    [
      'goes when the Broker is refused',
      { outlet: object, broker: known({ compiled: { ...compiled, inlet: null } }) },
      there,
      'remove',
    ],
    ['stays when the Broker is not understood', { outlet: object, broker: known({ compiled: null }) }, there, 'keep'],
    [
      'goes when the group is someone else’s',
      { outlet: object, takenBy: { namespace: 'a', name: 'b' } },
      there,
      'remove',
    ],
  ])('%s', (_, more, address, outlet) => {
    expect(decide(more, address)).toMatchObject({ kind: 'serve', outlet })
  })

  it('comes after the finalizer, which comes only with it', () => {
    expect(decide({ hasFinalizer: false })).toMatchObject({ addFinalizer: true })
    expect(decide({ hasFinalizer: false }, { missing: 'no' })).toMatchObject({ addFinalizer: false })
  })

  it('has the group in use, and the cluster of the Broker', () => {
    expect(decide({})).toMatchObject({ compiled: { outlet: { group: 'g', bootstrapServers: 'k:1' } } })
  })
})

describe('a Trigger', () => {
  it('of a Broker of another class is left alone, and let go of', () => {
    const broker = { kind: 'foreign' } as const
    expect(decide({ broker, hasFinalizer: false })).toEqual({
      kind: 'leave',
      removeOutlet: false,
      removeFinalizer: false,
    })
    expect(decide({ broker, outlet: object })).toEqual({ kind: 'leave', removeOutlet: true, removeFinalizer: true })
  })

  it('waits while nothing is known of its Broker', () => {
    expect(decide({ broker: { kind: 'unknown' } })).toEqual({ kind: 'wait' })
  })

  it('that cannot be understood delivers nothing, and keeps its positions', () => {
    const refused = { trigger: null, problems: 'why' }
    const plan = (outlet: string) => ({ kind: 'refuse', problems: 'why', outlet })
    expect(decide(refused)).toEqual(plan('none'))
    expect(decide({ ...refused, outlet: object })).toEqual(plan('pause'))
    // it would hold up a Broker that goes
    expect(decide({ ...refused, outlet: object, broker: { kind: 'absent' } })).toEqual(plan('remove'))
  })
})

describe('a Trigger that is being deleted', () => {
  it.each<[string, Partial<ObservedTrigger>, object]>([
    ['without our finalizer is let go', { hasFinalizer: false, outlet: object }, { do: 'release' }],
    ['loses its Outlet first', { outlet: object }, { do: 'deleteOutlet' }],
    ['that was never served waits for nothing', { dispatchers: [worker] }, { do: 'release' }],
    ['waits for dispatchers to let go', { outletDeletion: gone, dispatchers: [worker] }, { do: 'awaitDispatchers' }],
    [
      'waits a while when nobody saw the Outlet go',
      { annotations: inUse, dispatchers: [worker] },
      { do: 'awaitDispatchers' },
    ],
    [
      'waits for none that do not live',
      { outletDeletion: gone },
      { do: 'deleteGroup', group: 'g', cluster: { bootstrapServers: 'k:1' } },
    ],
    [
      'then loses its group',
      { outletDeletion: gone, dispatchers: [{ ...worker, seen: '10' }] },
      { do: 'deleteGroup', group: 'g', cluster: { bootstrapServers: 'k:1' } },
    ],
    [
      'where it last was',
      { annotations: inUse, goneMs: 60_000, dispatchers: [worker] },
      { do: 'deleteGroup', group: 'g', cluster: { bootstrapServers: 'old:1' } },
    ],
    [
      'whose Outlet the cache never showed has a group all the same',
      { unseen: { cluster: { bootstrapServers: 'k:1' } }, goneMs: 60_000, dispatchers: [worker] },
      { do: 'deleteGroup', group: 'g', cluster: { bootstrapServers: 'k:1' } },
    ],
    [
      'leaves a group that another Trigger has',
      { outletDeletion: gone, takenBy: { namespace: 'a', name: 'b' } },
      { do: 'release' },
    ],
    [
      'whose Broker is of another class goes the same way',
      { broker: { kind: 'foreign' }, outlet: object },
      { do: 'deleteOutlet' },
    ],
  ])('%s', (_, more, step) => {
    expect(decide({ deleting: true, ...more })).toEqual({ kind: 'finalize', step })
  })
})
