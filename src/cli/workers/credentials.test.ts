import { expect, test } from 'vitest'
import type { Fault } from '../../core/fault.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Credentials, type CredentialTexts } from './credentials.ts'

function rig() {
  const texts = new Map<string, string>()
  let tell: (name?: string) => void = () => {}
  let opened = 0
  const source: CredentialTexts = {
    title: (name) => `Secret ${name}`,
    read: (name) => {
      const text = texts.get(name)
      return text === undefined ? { missing: `Secret ${name} does not exist` } : { text }
    },
    subscribe: (listener) => (tell = listener),
  }
  const open = () => (opened++, source)
  const credentials = new Credentials(open, createLogger('silent'))
  const set = (name: string, text: string | undefined) => {
    if (text === undefined) texts.delete(name)
    else texts.set(name, text)
    tell(name)
  }
  return { credentials, set, opened: () => opened }
}

const plain = (password: string) => JSON.stringify({ sasl: { mechanism: 'PLAIN', username: 'u', password } })
const faultOf = (run: () => unknown): Fault => {
  try {
    run()
  } catch (error) {
    return error as Fault
  }
  throw new Error('it did not throw')
}

test('nothing is looked at before the first is asked for; then once for all', () => {
  const { credentials, opened } = rig()
  expect(opened()).toBe(0)
  credentials.of('a')
  credentials.of('b')
  expect(opened()).toBe(1)
})

test('one that comes late is missing until then, and told when it is there', () => {
  const { credentials, set } = rig()
  const source = credentials.of('a')
  expect(faultOf(() => source.current())).toMatchObject({
    code: 'CredentialNotFound',
    message: 'Secret a does not exist',
  })
  let told = 0
  const stop = source.subscribe(() => told++)
  set('b', plain('of another'))
  expect(told).toBe(0)
  set('a', plain('p'))
  expect([told, source.current().sasl?.password]).toEqual([1, 'p'])
  set('a', plain('p'))
  expect(told).toBe(1)
  set('a', plain('q'))
  expect([told, source.current().sasl?.password]).toEqual([2, 'q'])
  stop()
  set('a', plain('r'))
  expect(told).toBe(2)
})

test.each([
  ['no JSON', '{"password": secret', /^Secret a cannot be used: it is no JSON$/],
  [
    'an unknown mechanism',
    JSON.stringify({ sasl: { mechanism: 'secret', username: 'u', password: 'secret' } }),
    /credential\.sasl\.mechanism: .*SCRAM-SHA-512/,
  ],
  ['a field that we do not know', JSON.stringify({ token: 'secret' }), /credential: .*token/],
])('%s is said without what is secret; the last good one stays in force', (_, text, message) => {
  const { credentials, set } = rig()
  const source = credentials.of('a')
  set('a', text)
  const fault = faultOf(() => source.current())
  expect(fault).toMatchObject({ code: 'CredentialNotFound', message: expect.stringMatching(message) as string })
  expect(fault.message).not.toContain('secret')
  set('a', plain('good'))
  let told = 0
  source.subscribe(() => told++)
  set('a', text)
  expect([told, source.current().sasl?.password]).toEqual([0, 'good'])
  set('a', plain('better'))
  expect([told, source.current().sasl?.password]).toEqual([1, 'better'])
})

test('one that goes stays in force in this process', () => {
  const { credentials, set } = rig()
  set('a', plain('p'))
  const source = credentials.of('a')
  set('a', undefined)
  expect(source.current().sasl?.password).toBe('p')
  set('a', plain('p'))
  set('a', plain('q'))
  expect(source.current().sasl?.password).toBe('q')
})

test('one that nobody uses any more is kept no longer than its Secret', () => {
  const { credentials, set } = rig()
  set('a', plain('p'))
  const source = credentials.of('a')
  const [one, other] = [source.subscribe(() => {}), source.subscribe(() => {})]
  set('a', undefined)
  one()
  expect(source.current().sasl?.password).toBe('p')
  other()
  expect(faultOf(() => credentials.of('a').current())).toMatchObject({ code: 'CredentialNotFound' })
})
