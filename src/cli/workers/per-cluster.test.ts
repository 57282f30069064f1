import { expect, test } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { PerCluster } from './per-cluster.ts'

interface Route {
  readonly uid: string
  readonly cluster: string
  readonly credential?: string
}

class Unit {
  readonly cluster: string
  readonly routes: RouteSet<Route>
  readonly gone: string[] = []
  readonly ending = Promise.withResolvers<void>()
  ended = false
  constructor(cluster: string, routes: RouteSet<Route>) {
    this.cluster = cluster
    this.routes = routes
    routes.subscribe((change) => {
      if (change.kind === 'gone') this.gone.push(change.uid)
    })
  }
  get uids(): readonly string[] {
    return [...this.routes.current.keys()]
  }
  end(): Promise<void> {
    this.ended = true
    return this.ending.promise
  }
}

function rig(routes: readonly Route[], lingerMs = 10_000) {
  const set = new MemoryRouteSet<Route>()
  for (const route of routes) set.set(route)
  const opened: Unit[] = []
  const orphans: string[] = []
  const clusters = new PerCluster<Route, Unit>({
    routes: set,
    clusterOf: (route) => ({ bootstrapServers: route.cluster, credential: route.credential }),
    open: (cluster, its) => {
      const unit = new Unit(cluster.bootstrapServers, its)
      opened.push(unit)
      return unit
    },
    orphaned: (uid) => orphans.push(uid),
    lingerMs,
  })
  return { set, opened, orphans, clusters }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

test('each cluster that is named has a unit, which begins with all that is there and follows its own', () => {
  const { set, opened } = rig([
    { uid: 'a', cluster: 'x' },
    { uid: 'b', cluster: 'y' },
    { uid: 'c', cluster: 'x' },
  ])
  expect(opened.map(({ cluster, uids }) => [cluster, uids])).toEqual([
    ['x', ['a', 'c']],
    ['y', ['b']],
  ])
  set.set({ uid: 'd', cluster: 'y' })
  set.delete('a')
  expect(opened.map(({ uids }) => uids)).toEqual([['c'], ['b', 'd']])
})

test('two credentials are two units, which share nothing', () => {
  const { set, opened } = rig([
    { uid: 'a', cluster: 'x' },
    { uid: 'b', cluster: 'x', credential: 'one' },
    { uid: 'c', cluster: 'x', credential: 'other' },
  ])
  set.set({ uid: 'a', cluster: 'x', credential: 'other' })
  expect(opened.map(({ uids, gone }) => [uids, gone])).toEqual([
    [[], ['a']],
    [['b'], []],
    [['c', 'a'], []],
  ])
})

test('a route that moves to another cluster is gone from the first', () => {
  const { set, opened } = rig([
    { uid: 'a', cluster: 'x' },
    { uid: 'b', cluster: 'x' },
  ])
  set.set({ uid: 'a', cluster: 'y' })
  expect(opened.map(({ cluster, uids, gone }) => [cluster, uids, gone])).toEqual([
    ['x', ['b'], ['a']],
    ['y', ['a'], []],
  ])
})

test('a unit without routes ends after a while, and not when new ones came meanwhile', async () => {
  const { set, opened } = rig([{ uid: 'a', cluster: 'x' }], 20)
  set.delete('a')
  set.set({ uid: 'b', cluster: 'x' })
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(opened[0]?.ended).toBe(false)
  set.delete('b')
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(opened[0]?.ended).toBe(true)
})

test('the next unit of a cluster begins when the one before has ended; what came and went between is told', async () => {
  const { set, opened, orphans } = rig([{ uid: 'a', cluster: 'x' }], 1)
  set.delete('a')
  await turn()
  set.set({ uid: 'b', cluster: 'x' })
  set.set({ uid: 'c', cluster: 'x' })
  set.delete('c')
  await turn()
  expect(opened).toHaveLength(1)
  expect(orphans).toEqual(['c'])
  opened[0]?.ending.resolve()
  await turn()
  expect(opened.map(({ uids }) => uids)).toEqual([['b'], ['b']])
})

test('after close nothing begins or ends; the units are for the caller to close', async () => {
  const { set, opened, clusters } = rig([{ uid: 'a', cluster: 'x' }], 1)
  expect(clusters.close()).toEqual(opened)
  set.delete('a')
  set.set({ uid: 'b', cluster: 'y' })
  await turn()
  expect(opened.map(({ ended }) => ended)).toEqual([false])
})
