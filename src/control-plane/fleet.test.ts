import { describe, expect, it } from 'vitest'
import { MemoryApi } from '../kube/memory.ts'
import { kinds } from '../kube/kinds.ts'
import { startInformer } from '../kube/informer.ts'
import { systemClock as clock } from '../core/clock.ts'
import { createLogger } from '../telemetry/logger.ts'
import { consumptionOf, Fleet, topicId, waitsForSeen, type FleetChange, type LiveWorker } from './fleet.ts'

const worker = (seen: string, partitions: number[] = [], more: Partial<LiveWorker> = {}): LiveWorker => ({
  name: 'd-0',
  role: 'dispatcher',
  seen,
  owns: new Map([[topicId({ bootstrapServers: 'k' }, 't'), new Set(partitions)]]),
  refused: new Set(),
  ...more,
})
const demand = { uid: 'u', topic: 't', cluster: { bootstrapServers: 'k' }, partitions: 2, version: '10' }

describe('an Outlet is in hand', () => {
  it.each<[string, LiveWorker[], object, string]>([
    ['nobody lives', [], {}, 'nobody'],
    ['one owns all and knows it', [worker('10', [0, 1])], {}, 'owned'],
    ['two own it together', [worker('10', [0]), worker('11', [1])], {}, 'owned'],
    ['one does not know this version', [worker('10', [0]), worker('9', [1])], {}, 'unowned'],
    ['versions are numbers', [worker('9', [0, 1])], { version: '10' }, 'unowned'],
    ['versions of any length', [worker('100', [0, 1])], { version: '99' }, 'owned'],
    ['a partition is nobody’s', [worker('10', [0])], {}, 'unowned'],
    [
      'they own a topic of that name elsewhere',
      [worker('10', [0, 1])],
      { cluster: { bootstrapServers: 'other' } },
      'unowned',
    ],
    [
      'they own it as somebody else',
      [worker('10', [0, 1])],
      { cluster: { bootstrapServers: 'k', credential: 'c' } },
      'unowned',
    ],
    ['the number of partitions is not known: one must be', [worker('10', [1])], { partitions: undefined }, 'owned'],
    ['one cannot read it', [worker('10', [0, 1], { refused: new Set(['u']) })], {}, 'unowned'],
  ])('%s', (_, workers, more, expected) => {
    expect(consumptionOf(workers, { ...demand, ...more }, 'ns').kind).toBe(expected)
  })
})

describe('a deletion is waited for', () => {
  it.each<[string, LiveWorker[], string | undefined, number, boolean]>([
    ['nobody lives', [], '10', 0, false],
    ['all have seen it', [worker('10'), worker('12')], '10', 0, false],
    ['one has not', [worker('9'), worker('12')], '10', 0, true],
    ['nobody knows when it was: for a while', [worker('99')], undefined, 1_000, true],
    ['nobody knows when it was: not for ever', [worker('1')], undefined, 60_000, false],
  ])('%s', (_, workers, version, goneMs, expected) => {
    expect(waitsForSeen(workers, { version }, goneMs)).toBe(expected)
  })
})

it('a worker lives while its pod is Ready, and tells what changed', async () => {
  const client = new MemoryApi().client()
  await using stop = { controller: new AbortController(), [Symbol.asyncDispose]: async () => stop.controller.abort() }
  const { signal } = stop.controller
  const parts = { client, clock, logger: createLogger('silent'), signal }
  const workers = startInformer({ ...parts, resource: kinds.worker })
  const pods = startInformer({ ...parts, resource: kinds.pod })
  await Promise.all([workers.ready(), pods.ready()])
  const told: FleetChange[] = []
  const fleet = new Fleet({ workers, pods, changed: (_, change) => told.push(change) })
  const metadata = { namespace: 's', name: 'd-0' }
  const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] })
  const put = (resource: typeof kinds.pod, value: object) =>
    client.patch(resource, metadata, { kind: 'json', body: [{ op: 'add', path: '/status', value }] }, signal, {
      subresource: 'status',
    })
  const when = (check: () => boolean) => expect.poll(check).toBe(true)

  await client.create(kinds.pod, { apiVersion: 'v1', kind: 'Pod', metadata }, signal)
  await client.create(
    kinds.worker,
    { apiVersion: 'internal.millrace.dev/v1alpha1', kind: 'Worker', metadata, spec: { role: 'dispatcher' } },
    signal,
  )
  await put(kinds.pod, ready('True'))
  await put(kinds.worker, { seen: '7', owns: [], more: 'of a later version' })
  await when(() => fleet.live('dispatcher')[0]?.seen === '7')
  expect(fleet.live('ingress')).toEqual([])
  await put(kinds.worker, { seen: '9', owns: [] })
  await when(() => told.some((change) => change.kind === 'seen' && change.from === '7' && change.to === '9'))
  const members = () => told.filter(({ kind }) => kind === 'members').length
  const before = members()
  await put(kinds.worker, { seen: '9', owns: [], refused: ['a'] })
  await when(() => members() === before + 1)
  await put(kinds.worker, { seen: '9', owns: [], refused: ['b'] })
  await when(() => members() === before + 2)
  await put(kinds.pod, ready('False'))
  await when(() => fleet.live('dispatcher').length === 0)
  await put(kinds.pod, ready('True'))
  await when(() => fleet.live('dispatcher').length === 1)
  await client.delete(kinds.pod, metadata, signal)
  await when(() => fleet.live('dispatcher').length === 0)
})
