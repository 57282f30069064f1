import { expect, it } from 'vitest'
import { Fault } from '../../../src/core/fault.ts'
import { isAfter } from '../../../src/kube/resource-version.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import type { StoreChange } from '../../../src/kube/store.ts'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import { gadget, openBench, type LoopUnderTest } from './subject.ts'

const told = (change: StoreChange): string => `${change.kind} ${change.object.metadata.name}`

/** What an informer promises. */
export function informing(subject: () => LoopUnderTest): void {
  it('has all objects, over several pages, without what it was told to leave out', async () => {
    await using bench = await openBench(subject())
    const names = Array.from({ length: 1_100 }, (_, i) => `n${i}`)
    for (let i = 0; i < names.length; i += 50) {
      await Promise.all(names.slice(i, i + 50).map((name) => bench.make(name, { long: 'text', short: name })))
    }
    const informer = bench.inform(gadget, {
      keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata, kept: true }),
    })
    expect(informer.synced).toBe(false)
    await informer.ready()
    expect(informer.synced).toBe(true)
    expect([...informer.all()].map(({ metadata }) => metadata.name).sort()).toEqual(names.sort())
    expect(bench.client.count('list')).toBe(3)
    for (const object of informer.all()) {
      expect(object).toMatchObject({ kind: 'Gadget', kept: true })
      expect(object).not.toHaveProperty('spec')
      expect(object.metadata).not.toHaveProperty('managedFields')
    }
    expect(informer.get({ namespace: bench.namespace, name: 'n7' })?.metadata.name).toBe('n7')
  })

  it('tells each change in order, and has seen a version only when every listener was told', async () => {
    await using bench = await openBench(subject())
    await bench.make('before')
    const informer = bench.inform()
    await informer.ready()
    const changes: string[] = []
    const early: boolean[] = []
    informer.subscribe((change) => {
      changes.push(told(change))
      early.push(!isAfter(change.object.metadata.resourceVersion, informer.resourceVersion))
    })
    const made = await bench.make('a', { n: 1 })
    const patch = { kind: 'merge', body: { spec: { n: 2 } } } as const
    const key = { namespace: bench.namespace, name: 'a' }
    const patched = await bench.admin.patch(gadget, key, patch, bench.signal)
    await eventually(
      'it is changed',
      () => informer.get(key)?.metadata.resourceVersion === patched.metadata.resourceVersion,
    )
    expect(isAfter(informer.resourceVersion, made.metadata.resourceVersion)).toBe(true)
    expect(isAfter(patched.metadata.resourceVersion, informer.resourceVersion)).toBe(false)
    await bench.admin.delete(gadget, key, bench.signal)
    await eventually('it is gone', () => informer.get(key) === undefined)
    expect(changes).toEqual(['set a', 'set a', 'gone a'])
    expect(early).toEqual([false, false, false])
    expect(isAfter(informer.resourceVersion, patched.metadata.resourceVersion)).toBe(true)
  })

  it('tells the others when a listener throws, goes on after it, and stops telling who unsubscribed', async () => {
    await using bench = await openBench(subject())
    const informer = bench.inform()
    await informer.ready()
    const seen: string[] = []
    const left: string[] = []
    informer.subscribe(() => {
      throw new Error('a listener of a test')
    })
    informer.subscribe((change) => void seen.push(told(change)))
    const leave = informer.subscribe((change) => void left.push(told(change)))
    await bench.make('a')
    await eventually('it was told', () => seen.length === 1)
    leave()
    await bench.make('b')
    await eventually('it was told again', () => seen.length === 2)
    expect(left).toEqual(['set a'])
    expect(bench.client.count('list')).toBe(1)
  })

  it('goes on from where it was when a watch ends or breaks, without a list and without a gap', async () => {
    await using bench = await openBench(subject())
    const informer = bench.inform()
    await informer.ready()
    const seen: string[] = []
    informer.subscribe((change) => void seen.push(told(change)))
    const breaks = [undefined, new Fault('ApiUnavailable', 'broke off'), new Fault('ApiThrottled', 'too much')]
    const expected: string[] = []
    for (const [i, broke] of breaks.entries()) {
      await eventually('it watches', () => bench.client.count('watch') === i + 1)
      bench.client.endWatches(broke)
      await bench.make(`m${i}`)
      expected.push(`set m${i}`)
      await eventuallyPasses('it is told', () => expect(seen).toEqual(expected))
    }
    expect(bench.client.count('list')).toBe(1)
  })

  it('lists again when its version is gone: what went meanwhile is told as gone, what was made anew as gone and set, the rest not at all', async () => {
    await using bench = await openBench(subject())
    await Promise.all(['stays', 'goes', 'anew', 'changes'].map((name) => bench.make(name)))
    const informer = bench.inform()
    await informer.ready()
    await eventually('it watches', () => bench.client.count('watch') === 1)
    const seen: string[] = []
    informer.subscribe((change) => void seen.push(told(change)))
    bench.client.breakWith(({ verb }) =>
      verb === 'watch' || verb === 'list' ? new Fault('ApiUnavailable', 'away') : undefined,
    )
    bench.client.endWatches(new Fault('ApiGone', 'too old'))
    const key = (name: string) => ({ namespace: bench.namespace, name })
    await bench.admin.delete(gadget, key('goes'), bench.signal)
    await bench.admin.delete(gadget, key('anew'), bench.signal)
    await bench.make('anew')
    await bench.admin.patch(gadget, key('changes'), { kind: 'merge', body: { spec: { n: 2 } } }, bench.signal)
    expect(seen).toEqual([])
    bench.client.breakWith(() => undefined)
    await eventuallyPasses('all is told', () => {
      expect(seen.toSorted()).toEqual(['gone anew', 'gone goes', 'set anew', 'set changes'])
    })
    expect(seen.indexOf('gone anew')).toBeLessThan(seen.indexOf('set anew'))
    await bench.make('later')
    await eventually('it goes on', () => seen.includes('set later'))
  })

  it('says when a list is complete, and has its version then', async () => {
    await using bench = await openBench(subject())
    await bench.make('a')
    const informer = bench.inform()
    const versions: string[] = []
    const leave = informer.onListed(() => void versions.push(informer.resourceVersion))
    informer.onListed(() => {
      throw new Error('a listener of a test')
    })
    await informer.ready()
    expect(versions).toEqual([informer.resourceVersion])
    const made = await bench.make('b')
    await eventually('it is told', () => !isAfter(made.metadata.resourceVersion, informer.resourceVersion))
    expect(versions).toHaveLength(1)
    bench.client.endWatches(new Fault('ApiGone', 'too old'))
    await eventually('it has listed again', () => versions.length === 2)
    expect(isAfter(made.metadata.resourceVersion, versions[1] ?? '')).toBe(false)
    leave()
    bench.client.endWatches(new Fault('ApiGone', 'too old'))
    await eventually('it has listed again', () => bench.client.count('list') === 3)
    await eventually('it watches', () => bench.client.count('watch') === 3)
    expect(versions).toHaveLength(2)
  })

  it.each(['ApiNotFound', 'ApiForbidden', 'ApiUnavailable', 'ApiThrottled'] as const)(
    'does not give up when the first list fails (%s), says why, and does not spin',
    async (code) => {
      await using bench = await openBench(subject())
      await bench.make('a')
      bench.client.breakWith(({ verb }) => (verb === 'list' ? new Fault(code, 'not now') : undefined))
      const informer = bench.inform()
      await eventually('it tried some times', () => bench.client.count('list') >= 4)
      const [first, , , fourth] = bench.client.calls.map(({ at }) => at)
      // half of 100 + 200 + 400
      expect((fourth ?? 0) - (first ?? 0)).toBeGreaterThan(349)
      expect(informer.synced).toBe(false)
      expect(informer.fault?.code).toBe(code)
      bench.client.breakWith(() => undefined)
      await informer.ready()
      expect([...informer.all()]).toHaveLength(1)
      expect(informer.fault).toBeUndefined()
    },
  )

  it('does not spin when watches end at once, nor when each of them says that the version is gone', async () => {
    for (const broke of ['nothing', 'ApiGone', 'ApiUnavailable'] as const) {
      await using bench = await openBench(subject())
      const informer = bench.inform(gadget, {
        client: Object.assign(Object.create(bench.client) as typeof bench.client, {
          list: bench.client.list,
          watch: async () => {
            bench.client.calls.push({ verb: 'watch', kind: 'Gadget', name: undefined, at: performance.now() })
            if (broke !== 'nothing') throw new Fault(broke, 'again')
            return Promise.resolve()
          },
        }),
      })
      await informer.ready()
      await eventually('it tried some times', () => bench.client.count('watch') >= 4)
      const [first, , , fourth] = bench.client.calls.filter(({ verb }) => verb === 'watch').map(({ at }) => at)
      expect((fourth ?? 0) - (first ?? 0)).toBeGreaterThan(349)
    }
  })

  it('lists again as often as it is asked to, and then tells only what it had missed', async () => {
    await using bench = await openBench(subject())
    await bench.make('a')
    const informer = bench.inform(gadget, { relistMs: 1_000 })
    await informer.ready()
    const seen: string[] = []
    informer.subscribe((change) => void seen.push(told(change)))
    await eventually('it listed again', () => bench.client.count('list') >= 2)
    expect(seen).toEqual([])
  })

  it('does not tell ready who waits for one that was ended before its first list', async () => {
    await using bench = await openBench(subject())
    bench.client.breakWith(() => new Fault('ApiUnavailable', 'away'))
    const informer = bench.inform()
    const ready = informer.ready()
    bench.stop.abort()
    await expect(ready).rejects.toMatchObject({ code: 'Closed' })
    expect(informer.synced).toBe(false)
  })

  it('holds objects of a built-in kind, selected by label', async () => {
    await using bench = await openBench(subject())
    const { namespace } = bench
    const make = (name: string, labels: Record<string, string>) => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data: { a: name } }
      return bench.admin.create(kinds.configMap, object, bench.signal)
    }
    await Promise.all([make('a', { mine: 'yes' }), make('b', { mine: 'no' })])
    const informer = bench.inform(kinds.configMap, { selection: { namespace, labelSelector: 'mine=yes' } })
    await informer.ready()
    await make('c', { mine: 'yes' })
    await eventually('c is there', () => informer.get({ namespace, name: 'c' }))
    expect([...informer.all()].map(({ metadata }) => metadata.name).sort()).toEqual(['a', 'c'])
    // One that is no longer selected is gone.
    await bench.admin.patch(
      kinds.configMap,
      { namespace, name: 'a' },
      { kind: 'merge', body: { metadata: { labels: { mine: 'no' } } } },
      bench.signal,
    )
    await eventually('a is gone', () => informer.get({ namespace, name: 'a' }) === undefined)
  })
}
