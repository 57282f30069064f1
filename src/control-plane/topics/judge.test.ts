import { describe, expect, it } from 'vitest'
import type { TopicDescription } from '../../kafka/log.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { afterCreation, judgeTopic, unseen, type TopicMemory } from './judge.ts'

const ours: BrokerTopic = { external: false, spec: { name: 't', partitions: 10, replicationFactor: 1, config: {} } }
const theirs: BrokerTopic = { ...ours, external: true }
const there = (more: Partial<TopicDescription> = {}): TopicDescription => {
  return { name: 't', id: 'a', partitions: 10, maxMessageBytes: 1, ...more }
}
const known: TopicMemory = { ...unseen, last: { id: 'a', partitions: 10 }, established: true }
const reasonOf = (judgement: ReturnType<typeof judgeTopic>): string => {
  if (judgement.do === 'create') return 'create'
  return judgement.state === 'ready' ? 'ready' : judgement.state.reason
}

describe('a look at a topic', () => {
  it.each<[string, BrokerTopic, TopicDescription | undefined, TopicMemory, string]>([
    ['there as configured', ours, there(), unseen, 'ready'],
    ['there with other partitions', ours, there({ partitions: 3 }), unseen, 'TopicDiffers'],
    ["someone else's has what partitions it has", theirs, there({ partitions: 3 }), unseen, 'ready'],
    ['there, and not to be written to', ours, there({ mayWrite: false }), unseen, 'NotAuthorized'],
    ["someone else's is not to be written to", theirs, there({ mayWrite: false }), known, 'NotAuthorized'],
    ['there, and to be written to', ours, there({ mayWrite: true }), known, 'ready'],
    ['never there', ours, undefined, unseen, 'create'],
    ["someone else's is never made", theirs, undefined, unseen, 'TopicNotFound'],
    ["someone else's is gone", theirs, undefined, known, 'TopicNotFound'],
    ['gone since the last look', ours, undefined, known, 'TopicNotFound'],
    ['gone since an earlier life of this process', ours, undefined, { ...unseen, established: true }, 'TopicNotFound'],
    ['still gone', ours, undefined, { ...known, goneSince: 'x' }, 'create'],
    ['another one under its name', ours, there({ id: 'b' }), known, 'TopicRecreated'],
    ['of a Kafka without topic ids', ours, there({ id: '' }), known, 'ready'],
  ])('%s', (_, topic, present, memory, expected) => {
    expect(reasonOf(judgeTopic(topic, present, memory, 'now'))).toBe(expected)
  })

  it('an answer that lacked it once is no loss', () => {
    const gone = judgeTopic(ours, undefined, known, 'now')
    expect(reasonOf(judgeTopic(ours, there(), gone.memory, 'later'))).toBe('ready')
  })

  it('a loss is told as long as this process lives', () => {
    const gone = judgeTopic(ours, undefined, known, 'now')
    const again = judgeTopic(ours, undefined, gone.memory, 'later')
    const made = afterCreation(again.memory, true, '12:00')
    const seen = judgeTopic(ours, there({ id: 'b' }), made, 'later')
    expect(reasonOf(seen)).toBe('TopicRecreated')
    expect(seen).toMatchObject({ state: { message: expect.stringContaining('made again, empty, at 12:00') } })
    expect(reasonOf(judgeTopic(ours, there({ id: 'b' }), seen.memory, 'much later'))).toBe('TopicRecreated')
  })

  it('the first creation is no loss', () => {
    const made = afterCreation(unseen, true, '12:00')
    expect(reasonOf(judgeTopic(ours, there(), made, 'later'))).toBe('ready')
  })
})
