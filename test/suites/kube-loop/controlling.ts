import { expect, it } from 'vitest'
import { fails, holds, waits } from '../../../src/api/meta/condition.ts'
import { Fault } from '../../../src/core/fault.ts'
import type { ObjectName, StoredObject } from '../../../src/kube/client.ts'
import { startController, type Controller, type ControllerOptions } from '../../../src/kube/controller.ts'
import type { Outcome } from '../../../src/kube/reconciler.ts'
import { isAfter } from '../../../src/kube/resource-version.ts'
import { conditionsOf } from '../../../src/kube/status.ts'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import { clock, gadget, logger, openBench, type Bench, type LoopUnderTest } from './subject.ts'

type Reconcile = (key: ObjectName, object: StoredObject | undefined, signal: AbortSignal) => Outcome | Promise<Outcome>

interface Run extends Controller {
  /** Names, in the order in which their reconciles began. */
  readonly ran: string[]
  /** What users were told. */
  readonly told: string[]
  settled(): Promise<unknown>
}

/** A controller of gadgets, on an informer of them. */
function control(bench: Bench, reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Run {
  const { client, signal } = bench
  const store = options.store ?? bench.inform()
  const ran: string[] = []
  const told: string[] = []
  const reconciler = {
    reconcile: async (...args: Parameters<Reconcile>): Promise<Outcome> => {
      ran.push(args[0].name)
      return reconcile(...args)
    },
  }
  const events: ControllerOptions['events'] = {
    event: (object, type, reason, message) => told.push(`${object.metadata.name} ${type} ${reason}: ${message}`),
  }
  const own = { name: 'test', resource: gadget, client, reconciler, concurrency: 2, clock, logger, events, signal }
  const controller = startController({ ...own, ...options, store })
  const settled = () => eventually('it is idle', () => controller.idle && ran.length > 0)
  return Object.assign(controller, { ran, told, settled })
}

const ready: Outcome = { kind: 'settled', status: { conditions: [holds('Ready')] } }

/** What the loop promises. */
export function controlling(subject: () => LoopUnderTest): void {
  const read = async ({ admin, namespace, signal }: Bench, name: string): Promise<StoredObject> => {
    const object = await admin.get(gadget, { namespace, name }, signal)
    if (object === null) throw new Error(`${name} is gone`)
    return object
  }
  const statusOf = async (bench: Bench, name: string) => (await read(bench, name))['status']
  const edit = ({ admin, namespace, signal }: Bench, name: string, body: object) =>
    admin.patch(gadget, { namespace, name }, { kind: 'merge', body }, signal)

  it('reconciles what is there, what comes and what changes, and writes the status with what only the loop knows', async () => {
    await using bench = await openBench(subject())
    await bench.make('before')
    const run = control(bench, (_, object) => {
      const size = (object?.['spec'] as { size?: number } | undefined)?.size ?? 0
      return { kind: 'settled', status: { size, conditions: [holds('Ready'), holds('Grown')] } }
    })
    await bench.make('later', { size: 1 })
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const conditions = ['Grown', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime: time }))
    await eventuallyPasses('both have a status', async () => {
      expect(await statusOf(bench, 'before')).toEqual({ size: 0, observedGeneration: 1, conditions })
      expect(await statusOf(bench, 'later')).toEqual({ size: 1, observedGeneration: 1, conditions })
    })
    await edit(bench, 'later', { spec: { size: 2 } })
    await eventuallyPasses('the status follows', async () => {
      expect(await statusOf(bench, 'later')).toEqual({ size: 2, observedGeneration: 2, conditions })
    })
    expect(bench.client.writes).toBe(3)
    await run.settled()
  })

  it('makes no request when nothing differs: not for its own status coming back, not when all is reconciled anew', async () => {
    await using bench = await openBench(subject())
    await Promise.all(Array.from({ length: 20 }, (_, i) => bench.make(`g${i}`)))
    const run = control(bench, () => ready, { resyncMs: 400, concurrency: 5 })
    await eventually('all are written', () => bench.client.writes === 20)
    // Each once; its own write coming back is no reason to look again.
    await eventually('all were reconciled anew, twice', () => run.ran.length >= 60)
    expect(bench.client.writes).toBe(20)
    expect(bench.client.count('get')).toBe(0)
  })

  it('does not reconcile again for its own status coming back, before or after the answer', async () => {
    await using bench = await openBench(subject())
    const run = control(bench, () => ready)
    for (let i = 0; i < 10; i += 1) await bench.make(`g${i}`)
    await eventually('all are written', () => bench.client.writes === 10)
    await edit(bench, 'g9', { metadata: { labels: { last: 'yes' } } })
    await eventually('the change was seen', () => run.ran.length === 11)
    await run.settled()
    expect(run.ran.toSorted()).toEqual([...Array.from({ length: 10 }, (_, i) => `g${i}`), 'g9'].sort())
  })

  it('looks again when something changed while it wrote the status', async () => {
    await using bench = await openBench(subject())
    const store = bench.inform()
    const client = Object.create(bench.client) as typeof bench.client
    let edits = 0
    client.patch = async (...args) => {
      if (edits++ === 0) {
        const { metadata } = await edit(bench, 'a', { spec: { size: 2 } })
        await eventually('the cache has it', () => !isAfter(metadata.resourceVersion, store.resourceVersion))
      }
      return bench.client.patch(...args)
    }
    const reconcile: Reconcile = (_, object) => ({
      kind: 'settled',
      status: { spec: object?.['spec'], conditions: [holds('Ready')] },
    })
    const run = control(bench, reconcile, { client, store })
    await bench.make('a', { size: 1 })
    await eventuallyPasses('the status is that of the change', async () => {
      expect(await statusOf(bench, 'a')).toMatchObject({ spec: { size: 2 }, observedGeneration: 2 })
    })
    await run.settled()
    expect(bench.client.writes).toBe(2)
  })

  it('keeps the time of a condition until its status changes', async () => {
    await using bench = await openBench(subject())
    let now = Date.parse('2026-01-01T00:00:00Z')
    const wall = { ...clock, now: () => now }
    let outcome: Outcome = { kind: 'settled', status: { conditions: [waits('Ready', 'Pending', 'one')] } }
    const run = control(bench, () => outcome, { clock: wall })
    const { metadata } = await bench.make('a')
    const key = { namespace: bench.namespace, name: metadata.name }
    const seen = async () => conditionsOf(await read(bench, 'a')).map(({ status, message, lastTransitionTime }) => [status, message, lastTransitionTime]) // prettier-ignore
    await eventuallyPasses('the first', async () =>
      expect(await seen()).toEqual([['Unknown', 'one', '2026-01-01T00:00:00Z']]),
    )
    now += 60_000
    outcome = { kind: 'settled', status: { conditions: [waits('Ready', 'Pending', 'two')] } }
    run.enqueue(key)
    await eventuallyPasses('other words', async () =>
      expect(await seen()).toEqual([['Unknown', 'two', '2026-01-01T00:00:00Z']]),
    )
    outcome = ready
    run.enqueue(key)
    await eventuallyPasses('up', async () =>
      expect(await seen()).toEqual([['True', undefined, '2026-01-01T00:01:00Z']]),
    )
  })

  it('does not write twice, nor back and forth, while the cache is behind its own writes', async () => {
    await using bench = await openBench(subject())
    const store = bench.inform()
    const seen: unknown[] = []
    const run = control(bench, (_, object) => {
      seen.push(object?.['status'])
      return ready
    }, { store }) // prettier-ignore
    await bench.make('a')
    await eventually('it is known', () => run.ran.length === 1)
    const key = { namespace: bench.namespace, name: 'a' }
    await run.settled()
    await eventually('the cache has it', () => store.get(key)?.['status'])
    const release = bench.client.holdEvents()
    // The cache shows none of what follows.
    await edit(bench, 'a', { metadata: { labels: { turn: '1' } } })
    await bench.admin.patch(gadget, key, { kind: 'json', body: [{ op: 'remove', path: '/status' }] }, bench.signal, {
      subresource: 'status',
    })
    run.enqueue(key)
    await eventually('it looked', () => run.ran.length === 2)
    await run.settled()
    expect(bench.client.writes).toBe(1) // it cannot know
    release()
    await eventually('it is mended', () => bench.client.writes === 2)
    await run.settled()
    const again = bench.client.holdEvents()
    for (let i = 3; i < 8; i += 1) {
      run.enqueue(key)
      await run.settled()
    }
    again()
    await eventually('the cache has caught up', () => store.get(key)?.['status'])
    await run.settled()
    expect(bench.client.writes).toBe(2)
    // The time of the condition may be a later one: where there was no status it became True just now.
    expect((await read(bench, 'a'))['status']).toMatchObject({ conditions: [{ type: 'Ready', status: 'True' }] })
  })

  it('decides on what it wrote itself when the cache does not show it yet', async () => {
    await using bench = await openBench(subject())
    const seen: unknown[] = []
    const run = control(bench, (_, object) => {
      seen.push((object?.['status'] as { step?: number } | undefined)?.step)
      return { kind: 'settled', status: { step: seen.length > 3 ? 3 : seen.length, conditions: [holds('Ready')] } }
    })
    const store = bench.inform()
    await store.ready()
    await bench.make('a')
    await eventually('the first is written', () => bench.client.writes === 1)
    const release = bench.client.holdEvents()
    const key = { namespace: bench.namespace, name: 'a' }
    for (let writes = 2; writes <= 3; writes += 1) {
      run.enqueue(key)
      await eventually('it is written', () => bench.client.writes === writes)
      await run.settled()
    }
    run.enqueue(key)
    await eventually('it looked once more', () => seen.length >= 4)
    release()
    await run.settled()
    expect(seen.slice(0, 4)).toEqual([undefined, 1, 2, 3])
    expect(bench.client.writes).toBe(3)
  })

  it('never writes the status of one object into another of the same name', async () => {
    await using bench = await openBench(subject())
    const gate = Promise.withResolvers<void>()
    const first = await bench.make('a')
    const run = control(bench, async (_, object) => {
      if (object?.metadata.uid !== first.metadata.uid) return { kind: 'notOurs' }
      await gate.promise
      return ready
    })
    await eventually('it runs', () => run.ran.length === 1)
    await bench.admin.delete(gadget, { namespace: bench.namespace, name: 'a' }, bench.signal)
    const second = await bench.make('a')
    gate.resolve()
    await eventually('the new one was looked at', () => run.ran.length >= 2)
    await run.settled()
    const stored = await read(bench, 'a')
    expect(stored.metadata.uid).toBe(second.metadata.uid)
    expect(stored).not.toHaveProperty('status')
  })

  it('hands in nothing for an object that is gone, and writes nothing for it', async () => {
    await using bench = await openBench(subject())
    const seen: boolean[] = []
    const run = control(bench, (_, object) => {
      seen.push(object !== undefined)
      return ready
    })
    await bench.make('a')
    await eventually('it is written', () => bench.client.writes === 1)
    await bench.admin.delete(gadget, { namespace: bench.namespace, name: 'a' }, bench.signal)
    await eventually('it was told', () => seen.length === 2)
    await run.settled()
    expect(seen).toEqual([true, false])
    expect(bench.client.writes).toBe(1)
  })

  it('tries a failed reconcile again, later each time; what throws is a failed one, and stops nothing', async () => {
    await using bench = await openBench(subject())
    const at: number[] = []
    const run = control(bench, ({ name }) => {
      if (name === 'fine') return ready
      at.push(performance.now())
      if (at.length === 1) throw new Error('a bug of a test')
      if (at.length <= 4) return { kind: 'failed', fault: new Fault('LogUnavailable', 'no Kafka') }
      return ready
    })
    await bench.make('bad')
    await bench.make('fine')
    await eventually('it is written', async () => await statusOf(bench, 'bad'))
    expect(await statusOf(bench, 'fine')).toBeDefined()
    const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0))
    for (const [i, least] of [50, 100, 200, 400].entries()) expect(waits[i]).toBeGreaterThan(least - 2)
    await run.settled()
    // After a success it begins anew.
    let turn = 0
    await eventually('it waits little again', async () => {
      at.length = 1
      await edit(bench, 'bad', { metadata: { labels: { again: String((turn += 1)) } } })
      await eventually('it failed and was tried again', () => at.length >= 5)
      await run.settled()
      return (at[2] ?? 0) - (at[1] ?? 0) < 300
    })
  })

  it('writes what a failed reconcile says of it, and waits long for what trying again does not help', async () => {
    await using bench = await openBench(subject())
    const run = control(bench, () => ({
      kind: 'failed',
      fault: new Fault('ApiRefused', 'no'),
      status: { conditions: [fails('Ready', 'Refused', 'not so')] },
    }))
    await bench.make('a')
    await eventually('it is written', async () => await statusOf(bench, 'a'))
    await run.settled()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(run.ran).toEqual(['a'])
  })

  it('looks again after the time that a reconcile asked for', async () => {
    await using bench = await openBench(subject())
    const at: number[] = []
    control(bench, () => (at.push(performance.now()) < 3 ? { kind: 'waiting', afterMs: 150 } : { kind: 'settled' }))
    await bench.make('a')
    await eventually('it looked three times', () => at.length === 3)
    expect((at[2] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(298)
    expect(bench.client.writes).toBe(0)
  })

  it('writes the status after all when the API server did not take it at first', async () => {
    await using bench = await openBench(subject())
    const codes = ['ApiConflict', 'ApiUnavailable', 'ApiThrottled'] as const
    let refused = 0
    bench.client.breakWith(({ verb }) => {
      if (verb !== 'patch') return undefined
      const code = codes[refused++]
      return code && new Fault(code, 'not now')
    })
    const run = control(bench, () => ready)
    await bench.make('a')
    await eventually('it is written', async () => await statusOf(bench, 'a'))
    await run.settled()
    expect(refused).toBe(4)
    expect(run.told).toHaveLength(1)
  })

  it('never works on one object twice at once, and on no more than it may', async () => {
    await using bench = await openBench(subject())
    const running = new Set<string>()
    let most = 0
    const run = control(bench, async ({ name }) => {
      expect(running.has(name)).toBe(false)
      running.add(name)
      most = Math.max(most, running.size)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running.delete(name)
      return { kind: 'settled' }
    }, { concurrency: 3 }) // prettier-ignore
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => bench.make(name)))
    for (let i = 0; i < 20; i += 1) {
      for (const name of ['a', 'b', 'c', 'd']) run.enqueue({ namespace: bench.namespace, name })
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await eventually('all were seen', () => new Set(run.ran).size === 6)
    await run.settled()
    expect(most).toBe(3)
  })

  it('leaves alone what it does not want, whoever asks', async () => {
    await using bench = await openBench(subject())
    const wants = ({ metadata }: StoredObject) => metadata.labels?.['mine'] === 'yes'
    const store = bench.inform()
    const run = control(bench, () => ready, { wants, store })
    await bench.make('other')
    await eventually('it is known', () => store.get({ namespace: bench.namespace, name: 'other' }))
    await bench.make('mine')
    await edit(bench, 'mine', { metadata: { labels: { mine: 'yes' } } })
    run.enqueue({ namespace: bench.namespace, name: 'other' })
    await eventually('it is written', async () => await statusOf(bench, 'mine'))
    await run.settled()
    expect(run.ran).toEqual(['mine'])
    expect(await statusOf(bench, 'other')).toBeUndefined()
  })

  it('writes a status once although the API server stores something else than was sent', async () => {
    await using bench = await openBench(subject())
    const dropped = { dropped: { unknown: 'the schema does not know this' }, conditions: [holds('Ready')] }
    const run = control(bench, () => ({ kind: 'settled', status: dropped }))
    await bench.make('a')
    await eventually('it is written', () => bench.client.writes === 1)
    for (let i = 2; i < 6; i += 1) {
      run.enqueue({ namespace: bench.namespace, name: 'a' })
      await eventually('it looked', () => run.ran.length >= i)
      await run.settled()
    }
    expect(bench.client.writes).toBe(1)
    if (subject().real) expect(await statusOf(bench, 'a')).toMatchObject({ dropped: {} })
    if (subject().real) expect(await statusOf(bench, 'a')).not.toMatchObject(dropped)
  })

  it('tells users when Ready changes, and not of how it began', async () => {
    await using bench = await openBench(subject())
    const steps: Outcome[] = [
      { kind: 'settled', status: { conditions: [waits('Ready', 'Pending', 'not yet')] } },
      { kind: 'settled', status: { conditions: [holds('Ready')] } },
      { kind: 'settled', status: { conditions: [fails('Ready', 'TopicGone', 'the topic is gone')] } },
      { kind: 'settled', status: { conditions: [fails('Ready', 'TopicGone', 'the topic is still gone')] } },
      { kind: 'settled', status: { conditions: [holds('Ready')] } },
    ]
    let step = 0
    const run = control(bench, () => steps[step] as Outcome)
    await bench.make('a')
    for (; step < steps.length; step += 1) {
      run.enqueue({ namespace: bench.namespace, name: 'a' })
      await eventually('the step is written', () => bench.client.writes === step + 1)
      await run.settled()
    }
    expect(run.told).toEqual([
      'a Normal Ready: Gadget is ready',
      'a Warning TopicGone: the topic is gone',
      'a Normal Ready: Gadget is ready',
    ])
  })

  it('when it ends it begins nothing more, aborts what runs, and is done when that has ended', async () => {
    await using bench = await openBench(subject())
    let ended = false
    const run = control(bench, async (_, __, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await new Promise((resolve) => setTimeout(resolve, 20))
      ended = true
      return ready
    }, { concurrency: 1 }) // prettier-ignore
    await bench.make('a')
    await bench.make('b')
    await eventually('one runs', () => run.ran.length === 1)
    bench.stop.abort()
    await run.done
    expect(ended).toBe(true)
    expect(run.ran).toHaveLength(1)
  })

  it('ends a reconcile that takes too long, and tries it again', async () => {
    await using bench = await openBench(subject())
    const run = control(bench, async (_, __, signal) => {
      if (run.ran.length > 1) return ready
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
      return ready
    }, { reconcileMs: 50 }) // prettier-ignore
    await bench.make('a')
    await eventually('it is written', async () => await statusOf(bench, 'a'))
  })
}
