import { expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { EmbeddedMembership } from '../../kafka/embedded/membership.ts'
import type { Membership, MembershipHandler, TopicPartition } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { FleetHub } from './fleet-hub.ts'
import type { WantedTopics } from './fleet-unit.ts'

const logger = createLogger('silent')
const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A fleet of one, and what it was asked to share out. */
function rig(firstShareMs = 10_000) {
  const shared: { partitions: readonly string[]; most: readonly (readonly [string, number])[] }[] = []
  let handler: MembershipHandler | undefined
  const hub = new FleetHub({
    ...{ firstShareMs, clock, logger },
    join: (told) => {
      handler = told
      const membership = new EmbeddedMembership(told, () => {})
      return {
        share: (partitions, most) => {
          shared.push({ partitions: partitions.map(({ topic }) => topic), most: [...(most ?? [])] })
          membership.share(partitions)
        },
        get alive() {
          return membership.alive
        },
        close: (options) => membership.close(options),
      }
    },
  })
  const unit = (
    prefix: string,
    letGo: () => Promise<void> = () => Promise.resolve(),
    wanted: WantedTopics = () => new Map(),
  ) => {
    const told: string[] = []
    const names = (list: readonly TopicPartition[]) => list.map(({ topic }) => topic).join()
    const membership: Membership = hub.join(
      prefix,
      wanted,
    )({
      assigned: (list) => void told.push(`assigned ${names(list)}`),
      revoked: async (list) => {
        told.push(`revoked ${names(list)}`)
        await letGo()
        told.push(`done ${names(list)}`)
      },
      lost: (list) => void told.push(`lost ${names(list)}`),
      standsFor: (topics) => void told.push(`stands for ${[...topics].join()}`),
    })
    return { membership, told }
  }
  return { hub, unit, shared, fleet: () => handler as MembershipHandler }
}

test('units share under their prefixes, and each is told of its own', async () => {
  const { hub, unit, shared } = rig()
  const topics = new Map([['t', undefined]])
  const [main, other] = [unit('', undefined, () => topics), unit('a1/', undefined, () => topics)]
  hub.begin()
  main.membership.share([at('t'), at('u')])
  expect(shared).toEqual([])
  other.membership.share([at('t')], new Map([['t', 2]]))
  expect(shared).toEqual([{ partitions: ['t', 'u', 'a1/t'], most: [['a1/t', 2]] }])
  await turn()
  expect([main.told, other.told]).toEqual([['assigned t,u'], ['assigned t']])
  topics.clear()
  main.membership.share([at('u')])
  await turn()
  expect(main.told.slice(1)).toEqual(['revoked t', 'done t'])
  expect(other.told).toHaveLength(1)
})

test('units with one prefix have their partitions together: what one reads no more goes on with the other, and moves nowhere', async () => {
  const { hub, unit, shared, fleet } = rig()
  const [before, after] = [unit(''), unit('')]
  hub.begin()
  before.membership.share(
    [at('t'), at('u')],
    new Map([
      ['t', 1],
      ['u', 1],
    ]),
  )
  await turn()
  after.membership.share([at('t')])
  await turn()
  // for the other one it is not bounded
  expect(shared.at(-1)).toEqual({ partitions: ['t', 'u'], most: [['u', 1]] })
  before.membership.share([at('u')])
  await turn()
  expect(shared.at(-1)?.partitions.toSorted()).toEqual(['t', 'u'])
  expect([before.told, after.told]).toEqual([['assigned t,u', 'revoked t', 'done t'], ['assigned t']])
  await fleet().revoked([at('t')], 1_000)
  expect(after.told.slice(1)).toEqual(['revoked t', 'done t'])
  await before.membership.close({ forGood: true, deadlineMs: 1_000 })
  expect(shared.at(-1)?.partitions).toEqual(['t'])
})

test('a unit that names nothing holds up the first share for a while only, and one that comes later none', async () => {
  const { hub, unit, shared } = rig(50)
  const main = unit('')
  unit('away/', undefined, () => new Map([['far', undefined]]))
  hub.begin()
  main.membership.share([at('t')])
  await turn()
  expect(shared).toEqual([])
  await expect.poll(() => shared).toEqual([{ partitions: ['t', 'away/far'], most: [] }])
  unit('b2/')
  main.membership.share([at('t'), at('u')])
  expect(shared.at(-1)?.partitions).toEqual(['t', 'u', 'away/far'])
})

test('a handover waits for all units that it concerns, and none gets more while it lets go', async () => {
  const slow = Promise.withResolvers<void>()
  const { hub, unit, fleet } = rig()
  const [one, other] = [unit('a/', () => slow.promise), unit('b/')]
  hub.begin()
  one.membership.share([at('t'), at('u')])
  other.membership.share([at('t')])
  await turn()
  let over = false
  const revoked = fleet()
    .revoked([at('a/t'), at('b/t')], 5_000)
    .then(() => (over = true))
  await turn()
  expect([one.told.at(-1), other.told.at(-1), over]).toEqual(['revoked t', 'done t', false])
  one.membership.share([at('t'), at('u'), at('v')])
  other.membership.share([at('t'), at('v')])
  fleet().assigned([at('a/v'), at('b/v')])
  expect([one.told.at(-1), other.told.at(-1)]).toEqual(['revoked t', 'assigned v'])
  slow.resolve()
  await revoked
  expect(one.told.slice(-2)).toEqual(['done t', 'assigned v'])
})

test('a handover that is late is waited for no longer than it may take', async () => {
  const { hub, unit, fleet } = rig()
  const stuck = unit('', () => new Promise(() => {}))
  hub.begin()
  stuck.membership.share([at('t'), at('u')])
  await turn()
  await fleet().revoked([at('t')], 20)
  const began = performance.now()
  await fleet().revoked([at('u')], 20)
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(stuck.told).toEqual(['assigned t,u', 'revoked t', 'lost u'])
})

test('what the fleet takes while a unit still lets go of something else, and too late for it, is lost to it', async () => {
  const slow = Promise.withResolvers<void>()
  const { hub, unit, fleet } = rig()
  const one = unit('', () => slow.promise)
  hub.begin()
  one.membership.share([at('t'), at('u')])
  await turn()
  // it lets go of u by itself
  one.membership.share([at('t')])
  await expect.poll(() => one.told.at(-1)).toBe('revoked u')
  await fleet().revoked([at('t')], 20)
  expect(one.told.slice(1)).toEqual(['revoked u', 'lost t'])
  slow.resolve()
  await turn()
  expect(one.told.slice(3)).toEqual(['done u'])
  fleet().assigned([at('t')])
  expect(one.told.at(-1)).toBe('assigned t')
})

test('what is lost is told at once, to those concerned', async () => {
  const { hub, unit, fleet } = rig()
  const [one, other] = [unit('a/'), unit('b/')]
  hub.begin()
  one.membership.share([at('t')])
  other.membership.share([at('t')])
  await turn()
  fleet().lost([at('a/t')])
  expect([one.told, other.told]).toEqual([['assigned t', 'lost t'], ['assigned t']])
})

test('a unit that ends lets go by itself', async () => {
  const { hub, unit } = rig()
  const { membership, told } = unit('a/')
  hub.begin()
  membership.share([at('t')])
  await turn()
  await membership.close({ forGood: true, deadlineMs: 1_000 })
  expect(told).toEqual(['assigned t', 'revoked t', 'done t'])
  expect(membership.alive).toBe(false)
})

test('what the fleet gives to a unit that is not there (yet) waits for it', () => {
  const { hub, unit, fleet } = rig()
  hub.begin()
  fleet().assigned([at('a/t'), at('a/t', 1), at('b/t')])
  const { membership, told } = unit('a/', undefined, () => new Map([['t', 1]]))
  expect(told).toEqual(['stands for t'])
  membership.share([at('t'), at('t', 1)])
  expect(told.slice(1)).toEqual(['stands for ', 'assigned t,t'])
})

test('a unit that ends alone is shared out no more; when all end with the process nothing is shared anew', async () => {
  const { hub, unit, shared } = rig()
  const [one, other] = [unit(''), unit('b/')]
  hub.begin()
  one.membership.share([at('t')])
  other.membership.share([at('t')])
  await one.membership.close({ forGood: true, deadlineMs: 1_000 })
  expect(shared.at(-1)?.partitions).toEqual(['b/t'])
  const before = shared.length
  hub.closing()
  await other.membership.close({ forGood: false, deadlineMs: 1_000 })
  await hub.close({ forGood: false, deadlineMs: 1_000 })
  expect(shared).toHaveLength(before)
})

test('the close of a unit ends by its deadline, also when it does not let go', async () => {
  const { hub, unit } = rig()
  const stuck = unit('', () => new Promise(() => {}))
  hub.begin()
  stuck.membership.share([at('t')])
  await turn()
  const began = performance.now()
  await stuck.membership.close({ forGood: false, deadlineMs: 50 })
  expect(performance.now() - began).toBeLessThan(20_000)
})

test('of a topic that a unit does not know as much is shared as there was, so that one speaks for it; known, it is served', async () => {
  const { hub, unit, shared } = rig(20)
  const wanted = new Map([
    ['t', 2],
    ['new', undefined],
  ])
  const { membership, told } = unit('a/', undefined, () => wanted)
  hub.begin()
  await expect.poll(() => shared.at(-1)?.partitions).toEqual(['a/t', 'a/t', 'a/new'])
  await expect.poll(() => told).toEqual(['stands for t,new'])
  membership.share([at('t'), at('t', 1)])
  await expect.poll(() => told).toEqual(['stands for t,new', 'stands for new', 'assigned t,t'])
  expect(shared.at(-1)?.partitions).toEqual(['a/t', 'a/t', 'a/new'])
  // t goes, then its last Outlet too
  membership.share([])
  await expect.poll(() => told.at(-1)).toBe('stands for new,t')
  expect(told).toContain('revoked t,t')
  wanted.delete('t')
  hub.look()
  await expect.poll(() => shared.at(-1)?.partitions).toEqual(['a/new'])
  await expect.poll(() => told.at(-1)).toBe('stands for new')
})

test('a process that restarts shares what was known before at once', () => {
  const { hub, unit, shared } = rig()
  unit('', undefined, () => new Map([['t', 2]]))
  hub.begin()
  expect(shared).toEqual([{ partitions: ['t', 't'], most: [] }])
})
