import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Fault } from '../../../src/core/fault.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { lead, type LeadOptions, type LeaseTiming } from '../../../src/kube/lease.ts'
import { eventually } from '../../support/eventually.ts'
import { clock, logger, openBench, type Bench, type LoopUnderTest } from './subject.ts'
import { patchedClient, TappedClient } from './tapped-client.ts'

/** A machine that is busy may be away for a second or two: that is no reason to stop. */
const timing = { leaseMs: 5_000, renewMs: 300, giveUpMs: 3_500, retryMs: 100 } as const satisfies LeaseTiming

/** Who leads, seen from outside; fails when two do at once. */
export class Stage {
  readonly leaders: string[] = []
  readonly leading = new Set<string>()
  most = 0

  /** @param stopMs how long it takes to stop when it is told to */
  on(identity: string, stopMs = 20): LeadOptions['onLeading'] {
    return async (signal) => {
      this.leaders.push(identity)
      this.leading.add(identity)
      this.most = Math.max(this.most, this.leading.size)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await sleep(stopMs)
      this.leading.delete(identity)
    }
  }
}

/** A process that wants to lead, with a client of its own that can be cut off. */
export function candidate(
  subject: LoopUnderTest,
  bench: Bench,
  stage: Stage,
  identity: string,
  more: Partial<LeadOptions> = {},
) {
  const client = new TappedClient(subject.client())
  const stop = new AbortController()
  const { namespace } = bench
  const onLeading = stage.on(identity)
  const options = { client, namespace, name: 'test', identity, clock, logger, signal: stop.signal, onLeading, timing }
  const ended = lead({ ...options, ...more })
  return { client, stop, ended, away: () => client.breakWith(() => new Fault('ApiUnavailable', 'cut off')), back: () => client.breakWith(() => undefined) } // prettier-ignore
}

/** What leading promises. */
export function leading(subject: () => LoopUnderTest): void {
  it('one of them leads, and the other at once when that one ends', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a')
    await eventually('a leads', () => stage.leading.has('a'))
    const b = candidate(subject(), bench, stage, 'b')
    await eventually('b has looked', () => b.client.count('get') >= 5)
    expect(stage.leaders).toEqual(['a'])
    const start = performance.now()
    a.stop.abort()
    await a.ended
    expect(stage.leading.has('a')).toBe(false)
    await eventually('b leads', () => stage.leading.has('b'))
    // sooner than a lease that was not given back
    expect(performance.now() - start).toBeLessThan(timing.leaseMs - timing.renewMs)
    b.stop.abort()
    await b.ended
    const lease = await bench.admin.get(kinds.lease, { namespace: bench.namespace, name: 'test' }, bench.signal)
    expect(lease?.['spec']).toMatchObject({ holderIdentity: '', leaseTransitions: 1 })
    expect(stage.most).toBe(1)
  })

  it('who cannot renew stops before another may start, and is a candidate again', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a')
    await eventually('a leads', () => stage.leading.has('a'))
    const b = candidate(subject(), bench, stage, 'b')
    await eventually('b has looked', () => b.client.count('get') >= 3)
    a.away()
    await eventually('a stops', () => !stage.leading.has('a'))
    await eventually('b leads', () => stage.leading.has('b'))
    a.back()
    const looks = a.client.count('get')
    await eventually('a has looked', () => a.client.count('get') >= looks + 3)
    expect([...stage.leading]).toEqual(['b'])
    b.stop.abort()
    await eventually('a leads again', () => stage.leading.has('a'))
    a.stop.abort()
    await Promise.all([a.ended, b.ended])
    expect(stage.leaders).toEqual(['a', 'b', 'a'])
    expect(stage.most).toBe(1)
  })

  it('goes on leading through requests that fail now and then, also those of which only the answer is lost', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a')
    await eventually('a leads', () => stage.leading.has('a'))
    let turn = 0
    a.client.breakWith(({ verb }) =>
      verb === 'replace' && turn++ % 2 === 0 ? new Fault('ApiThrottled', 'not now') : undefined,
    )
    // Someone edits it: the version that we know is old.
    const body = { metadata: { labels: { edited: 'yes' } } }
    await bench.admin.patch(
      kinds.lease,
      { namespace: bench.namespace, name: 'test' },
      { kind: 'merge', body },
      bench.signal,
    )
    await eventually('several failed', () => turn >= 8)
    expect(stage.leaders).toEqual(['a'])
    expect([...stage.leading]).toEqual(['a'])
    a.stop.abort()
    await a.ended
  })

  it('goes on leading when a renewal gets no answer: there is time for another', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const inner = subject().client()
    let [hung, renewed] = [0, 0]
    const client = patchedClient(inner, {
      // A connection that is half open.
      replace: (resource, object, signal) => {
        if (stage.leaders.length === 0) return inner.replace(resource, object, signal)
        if (hung > 0) return inner.replace(resource, object, signal).finally(() => (renewed += 1))
        hung += 1
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Fault('Closed', 'hung')))
        })
      },
    })
    const unhurried: LeaseTiming = { leaseMs: 10_000, renewMs: 1_500, giveUpMs: 8_000, retryMs: 100 }
    const a = candidate(subject(), bench, stage, 'a', { client, timing: unhurried })
    await eventually('a renewal hangs, and others follow', () => renewed > 1)
    expect(stage.leaders).toEqual(['a'])
    expect([...stage.leading]).toEqual(['a'])
    a.stop.abort()
    await a.ended
    inner.close()
  })

  it('stops at once when its lease was deleted', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a')
    await eventually('a leads', () => stage.leading.has('a'))
    await bench.admin.delete(kinds.lease, { namespace: bench.namespace, name: 'test' }, bench.signal)
    await eventually('it led again', () => stage.leaders.length === 2)
    expect(stage.most).toBe(1)
    a.stop.abort()
    await a.ended
  })

  it('says that the process must end when what leads does not stop', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a', { onLeading: stage.on('a', 60_000) })
    await eventually('a leads', () => stage.leading.has('a'))
    a.away()
    await expect(a.ended).rejects.toMatchObject({ code: 'Closed' })
    // it did not wait for that
    expect(stage.leading.has('a')).toBe(true)
  })

  it('gives the lease back and passes on the error when what leads fails', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a', { onLeading: () => Promise.reject(new Error('broken')) })
    await expect(a.ended).rejects.toThrow('broken')
    const b = candidate(subject(), bench, stage, 'b')
    await eventually('b leads', () => stage.leading.has('b'), { withinMs: timing.leaseMs - timing.renewMs })
    b.stop.abort()
    await b.ended
  })

  it('of many that start at once exactly one leads', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const all = Array.from({ length: 5 }, (_, i) => candidate(subject(), bench, stage, `c${i}`))
    // the one that leads looks no more
    await eventually('all others have looked', () => all.filter(({ client }) => client.count('get') >= 5).length >= 4)
    expect(stage.leading.size).toBe(1)
    for (const { stop } of all) stop.abort()
    await Promise.all(all.map(({ ended }) => ended))
    expect(stage.most).toBe(1)
  })

  it('ends at once when it only waited', async () => {
    await using bench = await openBench(subject())
    const stage = new Stage()
    const a = candidate(subject(), bench, stage, 'a')
    await eventually('a leads', () => stage.leading.has('a'))
    const b = candidate(subject(), bench, stage, 'b')
    await eventually('b has looked', () => b.client.count('get') > 0)
    b.stop.abort()
    await b.ended
    expect(stage.leaders).toEqual(['a'])
    a.stop.abort()
    await a.ended
  })
}
