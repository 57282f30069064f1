import { expect, test } from 'vitest'
import { Patience } from './patience.ts'
import { verdictOf, type Verdict } from './verdict.ts'

function verdict(status: 'True' | 'False' | 'Unknown', reason = ''): Verdict {
  return verdictOf([], { type: 'Ready', status, reason, message: '' })
}
const up = verdict('True')
const starting = verdict('Unknown', 'Starting')
const nobody = verdict('False', 'DispatcherNotConsuming')

function patience() {
  let now = 1_000_000
  const clock = { now: () => now, monotonic: () => now }
  return { patience: new Patience(clock), pass: (ms: number) => (now += ms) }
}

test('what passes by itself is held back for 2 s, what a user must mend is not', () => {
  const { patience: subject, pass } = patience()
  expect(subject.holdMs('a', verdict('False', 'SubscriberUnresolved'), false)).toBe(0)
  expect(subject.holdMs('a', starting, false)).toBe(2_000)
  pass(1_500)
  expect(subject.holdMs('a', starting, false)).toBe(500)
  pass(500)
  expect(subject.holdMs('a', starting, false)).toBe(0)
})

test('one that has no status yet waits in line as long as others come up before it', () => {
  const { patience: subject, pass } = patience()
  for (const uid of ['a', 'b', 'c']) subject.holdMs(uid, starting, false)
  pass(1_900)
  subject.holdMs('a', up, false)
  pass(4_000)
  expect(subject.holdMs('c', starting, false)).toBeGreaterThan(0)
  subject.holdMs('b', up, false)
  pass(4_000)
  const askAgain = subject.holdMs('c', starting, false)
  expect(askAgain).toBeGreaterThan(0)
  pass(askAgain)
  expect(subject.holdMs('c', starting, false)).toBe(0)
})

test('nobody waits in line for more than a minute', () => {
  const { patience: subject, pass } = patience()
  let waited = 0
  for (let n = 0; subject.holdMs('last', starting, false) > 0; n++) {
    subject.holdMs(`${n}`, starting, false)
    subject.holdMs(`${n}`, up, false)
    waited += 1_000
    pass(1_000)
  }
  expect(waited).toBe(60_000)
})

test('one that said True, or that nobody serves, is told of in 2 s whatever others do', () => {
  const { patience: subject, pass } = patience()
  subject.holdMs('a', starting, false)
  subject.holdMs('told', starting, true)
  subject.holdMs('unserved', nobody, false)
  pass(2_000)
  subject.holdMs('a', up, false)
  expect(subject.holdMs('told', starting, true)).toBe(0)
  expect(subject.holdMs('unserved', nobody, false)).toBe(0)
})
