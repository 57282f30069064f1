import { expect, test } from 'vitest'
import type { OutletReport } from '../../src/contract/route-source.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { embeddedRig, Hand, startSubscriber, type Rig, type Runner } from './dispatcher-rig.ts'

/** A member of a fleet that gets only what the test gives it. */
class Waiting extends Hand {
  override share(): void {
    // nobody gets anything by itself
  }
}

function join(rig: Rig, outlet: Parameters<Rig['run']>[0][number], more = {}): { runner: Runner; hand: Waiting } {
  const hands: Waiting[] = []
  const membership = (handler: Hand['handler']): Hand => {
    const hand = new Waiting(handler, rig)
    hands.push(hand)
    return hand
  }
  const runner = rig.run([outlet], {}, undefined, { membership, ...more })
  const [hand] = hands
  if (hand === undefined) throw new Error('did not join')
  return { runner, hand }
}

const last = ({ reports }: Runner): OutletReport | undefined => reports.at(-1)
const consumes = (runner: Runner) => eventually('it consumes', () => last(runner)?.state === 'consuming')

test('who owns the lowest partition says when all of them have a start, whoever owns the others; nobody else does', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig(3)
  const outlet = rig.outlet(subscriber.url)
  const [lowest, other] = [join(rig, outlet), join(rig, outlet)]
  lowest.hand.give(0)
  await consumes(lowest.runner)
  expect(last(lowest.runner)).not.toHaveProperty('allStarted')
  other.hand.give(1)
  other.hand.give(2)
  await eventuallyPasses('the owner of the lowest says it', () =>
    expect(last(lowest.runner)).toMatchObject({ state: 'consuming', allStarted: { partitions: 3 } }),
  )
  await consumes(other.runner)
  expect(last(other.runner)).not.toHaveProperty('allStarted')
})

test('the lowest partition moves: its new owner says the same at once; the one before says it no more', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig(2)
  const outlet = rig.outlet(subscriber.url)
  const [first, second] = [join(rig, outlet), join(rig, outlet)]
  first.hand.give(0)
  first.hand.give(1)
  await eventually('it says it', () => last(first.runner)?.allStarted)
  const told = last(first.runner)?.allStarted
  await first.hand.take(0)
  second.hand.give(0)
  await consumes(second.runner)
  expect(last(second.runner)?.allStarted).toEqual(told)
  first.runner.routes.outlets.set({ ...outlet, generation: 2 })
  expect(last(first.runner)).toEqual({ uid: outlet.uid, generation: 2, state: 'consuming', fault: null })
  second.runner.routes.outlets.set({ ...outlet, generation: 2 })
  expect(last(second.runner)).toMatchObject({ generation: 2, allStarted: told })
})

test('an Outlet that has consumed before and has no position any more goes on at the start of the log, not at its end', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  await rig.send(5)
  const outlet = rig.outlet(subscriber.url, { start: 'latest' })
  const runner = rig.run([outlet], {}, undefined, { hasStarted: () => true })
  await eventually('all are delivered', () => subscriber.got.length === 5)
  await eventually('it is said', () => last(runner)?.fault?.reason === 'EventsExpired')
})
