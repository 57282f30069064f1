import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import type { KubeClient, Resource } from '../kube/client.ts'
import { startInformer } from '../kube/informer.ts'
import { kinds } from '../kube/kinds.ts'
import { MemoryApi } from '../kube/memory.ts'
import { createLogger } from '../telemetry/logger.ts'
import { clusterAddresses } from './addresses.ts'
import { ForeignKinds, keepCrd } from './foreign-kinds.ts'
import { References } from './references.ts'

const group = 'mail.example.com'
const mailbox = (version: string): Resource => ({
  group,
  version,
  plural: 'mailboxes',
  kind: 'Mailbox',
  namespaced: true,
})
const ref = { apiVersion: `${group}/v1`, kind: 'Mailbox', namespace: 'shop', name: 'inbox' }
const trigger = { kind: 'Trigger', key: { namespace: 'shop', name: 'orders' } } as const

let api: MemoryApi
let stop: AbortController
let told: string[]
let forbidden: boolean
/** How often it was said that they may not be read. */
let refused = 0

beforeEach(() => {
  api = new MemoryApi()
  stop = new AbortController()
  told = []
  forbidden = false
})
afterEach(() => stop.abort())

/** As a client whose account may not read mailboxes while `forbidden`. */
function guarded(): KubeClient {
  const client = api.client()
  const isForbidden = (resource: Resource): Promise<never> | undefined => {
    if (resource.plural !== 'mailboxes' || !forbidden) return undefined
    refused += 1
    return Promise.reject(new Fault('ApiForbidden', 'no'))
  }
  return {
    ...client,
    list: (resource, options, signal) => {
      return isForbidden(resource) ?? client.list(resource, options, signal)
    },
    watch: (resource, ...rest) => isForbidden(resource) ?? client.watch(resource, ...rest),
  }
}

async function install(version: string): Promise<void> {
  api.install(mailbox(version))
  const versions = [{ name: version, served: true, storage: true, schema: { large: true } }]
  const spec = { group, scope: 'Namespaced', names: { plural: 'mailboxes', kind: 'Mailbox' }, versions }
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `mailboxes.${group}` },
  }
  await api.client().create(kinds.crd, { ...crd, spec }, stop.signal)
}

async function watching() {
  const parts = { client: guarded(), clock, logger: createLogger('silent'), signal: stop.signal }
  const crds = startInformer({ ...parts, resource: kinds.crd, keep: keepCrd })
  await crds.ready()
  const references = new References()
  const foreign = new ForeignKinds({
    ...parts,
    crds,
    references,
    changed: (referrers) => told.push(...[...referrers].map(({ key }) => key.name)),
  })
  const options = {
    services: crds,
    brokers: crds,
    foreign,
    ingressUrl: 'http://ingress',
    clusterDomain: 'cluster.local',
  }
  const resolve = clusterAddresses(options)
  return { references, look: () => resolve(ref), view: () => foreign.view({ group, kind: 'Mailbox' }).kind }
}

const put = (url: string): Promise<unknown> =>
  api
    .client()
    .apply(
      mailbox('v1'),
      { apiVersion: `${group}/v1`, kind: 'Mailbox', metadata: { namespace: 'shop', name: 'inbox' } },
      'test',
      stop.signal,
    )
    .then(() =>
      api
        .client()
        .patch(
          mailbox('v1'),
          { namespace: 'shop', name: 'inbox' },
          { kind: 'merge', body: { status: { addresses: [{ name: 'https' }, { url }] } } },
          stop.signal,
          { subresource: 'status' },
        ),
    )

describe('a kind that is not ours', () => {
  test('is told to be missing, then followed, and those who refer are told of each step', async () => {
    const { references, look } = await watching()
    references.set(trigger, [ref])
    expect(look()).toMatchObject({ reason: 'KindNotInstalled' })
    await install('v1')
    await expect.poll(() => told).toEqual(['orders'])
    expect(look()).toMatchObject({ unknown: true })
    await expect.poll(() => told.length).toBe(2)
    expect(look()).toMatchObject({ missing: expect.stringContaining('does not exist') })
    await put('http://inbox')
    await expect.poll(look).toEqual({ url: 'http://inbox' })
    expect(told.length).toBeGreaterThan(2)
  })

  test('is followed in the version that is served, whatever the reference says', async () => {
    const { references, look } = await watching()
    references.set(trigger, [ref])
    await install('v2beta1')
    await expect.poll(look).toMatchObject({ missing: expect.stringContaining('does not exist') })
  })

  test('that we may not read is told with the ClusterRole to apply, and what was resolved before stays', async () => {
    const { references, look } = await watching()
    references.set(trigger, [ref])
    forbidden = true
    await install('v1')
    await expect.poll(look).toMatchObject({ reason: 'ReferenceForbidden', unknown: true })
    expect(look()).toMatchObject({ missing: expect.stringContaining('"resources":["mailboxes","mailboxes/status"]') })
    forbidden = false
    await expect.poll(look, { timeout: 14_000 }).toMatchObject({ missing: expect.stringContaining('does not exist') })
  })

  test('that we may no longer read stays as it was read', async () => {
    const { references, look, view } = await watching()
    references.set(trigger, [ref])
    await install('v1')
    await put('http://inbox')
    await expect.poll(look).toEqual({ url: 'http://inbox' })
    forbidden = true
    const before = refused
    api.compact()
    api.breakWatches()
    await expect.poll(() => refused, { timeout: 5_000 }).toBeGreaterThan(before)
    expect([view(), look()]).toEqual(['known', { url: 'http://inbox' }])
  })

  test('is no longer followed when nothing refers to it', async () => {
    const { references, view } = await watching()
    references.set(trigger, [ref])
    await install('v1')
    await expect.poll(view).toBe('known')
    references.set(trigger, [])
    // Asked again after it was dropped it begins anew; one that was never dropped is known at once.
    await expect.poll(view, { timeout: 5_000, interval: 1_500 }).toBe('loading')
  })
})
