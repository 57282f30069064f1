import { describe, expect, it } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import type { Appended } from '../../log.ts'
import type { Identity } from './append-batch.ts'
import { Ledger, neverSent } from './append-ledger.ts'
import { PartitionQueue } from './append-queue.ts'

function setup() {
  const ledger = new Ledger()
  const wornOut: Identity[] = []
  const queue = new PartitionQueue({ name: 't', encodedName: Buffer.from('t') }, 3, ledger, (one) => wornOut.push(one))
  const answers: string[] = []
  const push = (name: string, { due = 1_000, size = 10 } = {}) => {
    const pending = {
      record: { topic: 't', key: null, value: Buffer.from(name), headers: [] },
      size,
      timestamp: 0,
      due,
      answered: false,
      resolve: ({ offset }: Appended) => void answers.push(`${name}@${offset}`),
      reject: ({ code, details }: Fault) =>
        void answers.push(`${name}:${code}${details['sent'] === 0 ? ' unsent' : ''}`),
    }
    ledger.accept(pending)
    queue.push(pending)
  }
  const next = (limit = 10_000) => queue.next(limit)?.map(({ record }) => String(record.value)) ?? null
  return { ledger, queue, wornOut, answers, push, next }
}
const refusal = new Fault('LogRefused', 'no')

describe('the queue of a partition', () => {
  it('gives the same batch with the same sequence number until it is stored, then the next one', () => {
    const { queue, push, next, answers, ledger } = setup()
    push('a')
    push('b')
    expect([next(), queue.sequence]).toEqual([['a', 'b'], 0])
    push('c')
    queue.unclear()
    expect([next(), queue.sequence]).toEqual([['a', 'b'], 0])
    queue.stored(40n)
    expect([next(), queue.sequence]).toEqual([['c'], 2])
    queue.stored(42n)
    expect([next(), queue.hasWork, ledger.count, ledger.bytes]).toEqual([null, false, 0, 0])
    expect(answers).toEqual(['a@40', 'b@41', 'c@42'])
  })

  it('answers all of a batch with -1 when the leader does not know its offset any more', () => {
    const { queue, push, next, answers } = setup()
    push('a')
    push('b')
    next()
    queue.stored(-1n)
    expect([answers, queue.sequence]).toEqual([['a@-1', 'b@-1'], 2])
  })

  it('cuts a batch at the limit, but never below one record', () => {
    const { queue, push, next } = setup()
    for (const name of ['a', 'b', 'c']) push(name, { size: 400 })
    push('huge', { size: 5_000 })
    const batches: unknown[] = []
    for (let batch = next(1_000); batch !== null; batch = next(1_000)) {
      batches.push(batch)
      queue.stored(0n)
    }
    expect(batches).toEqual([['a', 'b'], ['c'], ['huge']])
  })

  it('splits a refused batch into halves that take its sequence numbers', () => {
    const { queue, push, next } = setup()
    for (const name of ['a', 'b', 'c']) push(name)
    next()
    expect(queue.split()).toBe(true)
    expect([next(), queue.sequence]).toEqual([['a'], 0])
    expect(queue.split()).toBe(false)
    queue.refuse(refusal)
    expect([next(), queue.sequence]).toEqual([['b', 'c'], 0])
  })

  it('answers a caller at the deadline: drops what was not sent, keeps what may be stored', () => {
    const { queue, push, next, answers, ledger } = setup()
    push('sent', { due: 10 })
    next()
    queue.unclear()
    push('waits', { due: 20 })
    push('later', { due: 99 })
    queue.expire(50)
    expect([answers, ledger.count]).toEqual([['sent:LogTimeout', 'waits:LogTimeout unsent'], 1])
    expect(next()).toEqual(['sent'])
    queue.stored(7n)
    expect([next(), queue.sequence]).toEqual([['later'], 1])
    expect(answers).toHaveLength(2)
  })

  it('drops expired records of a batch that was surely not stored', () => {
    const { push, queue, next } = setup()
    push('a', { due: 10 })
    push('b', { due: 99 })
    next()
    queue.expire(50)
    expect(next()).toEqual(['b'])
  })

  it.each([
    ['in flight', 'sent', false, ['waits:LogUnavailable unsent'], ['first']],
    ['of unknown fate', 'parked', true, ['waits:LogUnavailable unsent'], ['first']],
    ['surely not stored', 'parked', false, ['first:LogUnavailable unsent', 'waits:LogUnavailable unsent'], ['later']],
  ] as const)(
    'refuses what was not sent before a time, the first batch being %s',
    (_, state, unclear, refused, kept) => {
      const { push, queue, next, answers } = setup()
      push('first', { due: 10 })
      next()
      queue.state = state
      if (unclear) queue.unclear()
      push('waits', { due: 20 })
      push('later', { due: 21 })
      queue.refuseUnsent(20, neverSent(new Fault('LogUnavailable', 'nobody answers')))
      expect(answers).toEqual(refused)
      expect([next(), queue.sequence]).toEqual([kept, 0])
    },
  )

  it.each(['refuse', 'split'] as const)(
    'never uses a producer id again after a batch of unknown fate was given up by %s: its sequence numbers may be taken',
    (how) => {
      const { push, queue, next, wornOut } = setup()
      push('a')
      next()
      const first = queue.identify({ id: 1n, epoch: 0 })
      queue.stored(0n)
      push('b')
      push('c')
      next()
      queue.unclear()
      if (how === 'refuse') queue.refuse(refusal)
      else queue.split()
      expect([queue.identity, queue.sequence, wornOut]).toEqual([null, 0, [first]])
    },
  )

  it('keeps its producer id and sequence when a batch was refused that was surely not stored', () => {
    const { push, queue, next, wornOut } = setup()
    push('a')
    next()
    const identity = queue.identify({ id: 1n, epoch: 0 })
    queue.refuse(refusal)
    expect([queue.identity, queue.sequence, wornOut]).toEqual([identity, 0, []])
  })
})
