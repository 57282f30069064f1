import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { authorityOf, dataOf, firstSet, lifeOf, newSecret, readSet, type CertificateSet } from './certificate-secret.ts'
import { issue, servingLifeMs, type Issued } from './issue.ts'
import { nextStep, staged, type RotationView } from './rotation-step.ts'

const names = ['millrace-webhook.knative-eventing.svc', '127.0.0.1']
const start = Date.UTC(2026, 0, 1)
const at = (now: number) => ({ now: () => now, monotonic: () => now })
let first: Issued
let second: Issued

beforeAll(async () => {
  first = await issue(names, at(start))
  second = await issue(names, at(start + servingLifeMs))
})

const view = (set: CertificateSet, more: Partial<RotationView> = {}): RotationView => ({
  set,
  now: start,
  forced: false,
  names,
  bundleSettled: false,
  servedByAll: false,
  ...more,
})
/** The set after a step that changes it. */
const after = (state: RotationView): CertificateSet => {
  const step = nextStep(state)
  if (step.kind === 'none') throw new Error('nothing to do')
  return step.kind === 'stage' ? staged(state.set, second) : step.set
}

test('what is issued is signed by its authority, for its names, for 90 days', () => {
  const cert = new X509Certificate(first.serving.cert)
  expect(cert.verify(new X509Certificate(first.ca).publicKey)).toBe(true)
  expect(names.map((name) => cert.checkHost(name) ?? cert.checkIP(name))).toEqual(names)
  expect(lifeOf(first.serving.cert).to).toBe(start + servingLifeMs)
  expect(lifeOf(first.ca).to).toBeGreaterThan(start + 3600 * 24 * 3600_000)
})

describe('a certificate', () => {
  test.each([
    ['young', {}, 'none'],
    ['59 days old', { now: start + servingLifeMs * 0.66 }, 'none'],
    ['61 days old', { now: start + servingLifeMs * 0.67 }, 'stage'],
    ['out of date', { now: start + servingLifeMs * 2 }, 'stage'],
    ['that somebody wants renewed', { forced: true }, 'stage'],
    ['that lacks a name', { names: [...names, 'new-name.svc'] }, 'stage'],
  ])('%s', (_, more, kind) => {
    expect(nextStep(view(firstSet(first), more)).kind).toBe(kind)
  })
})

describe('a renewal', () => {
  test('goes step by step, and what is served or may still be served is trusted at each', () => {
    const a = firstSet(first)
    const ab = after(view(a, { forced: true }))
    expect(ab).toMatchObject({ trusted: [first.ca, second.ca], serving: first.serving, next: second.serving })
    expect(nextStep(view(ab)).kind).toBe('none')
    expect(nextStep(view(ab, { servedByAll: true, forced: true })).kind).toBe('none')

    const ba = after(view(ab, { bundleSettled: true }))
    expect(ba).toEqual({ trusted: [first.ca, second.ca], serving: second.serving, previous: first.serving.cert })
    expect(nextStep(view(ba, { bundleSettled: true, forced: true })).kind).toBe('none')

    const b = after(view(ba, { servedByAll: true }))
    expect(b).toEqual({ trusted: [second.ca], serving: second.serving })
    for (const set of [a, ab, ba, b]) expect(authorityOf(set, set.serving.cert)).toBeDefined()
    expect(authorityOf(ba, ba.previous ?? '')).toBe(first.ca)
  })

  test('does not wait for a silent replica beyond the life of what it may serve', () => {
    const ba = after(view(staged(firstSet(first), second), { bundleSettled: true }))
    expect(nextStep(view(ba, { now: start + servingLifeMs - 1 })).kind).toBe('none')
    expect(nextStep(view(ba, { now: start + servingLifeMs + 1 })).kind).toBe('drop')
  })
})

describe('the Secret', () => {
  const secretOf = (set: CertificateSet) => newSecret('knative-eventing', set)

  test('gives back what was put in, at every step', () => {
    const ab = staged(firstSet(first), second)
    const ba = after(view(ab, { bundleSettled: true }))
    for (const set of [firstSet(first), ab, ba]) expect(readSet(secretOf(set))).toEqual(set)
  })

  test.each([
    ['empty', () => ({})],
    ['without its key', () => ({ ...dataOf(firstSet(first)), 'tls.key': '' })],
    [
      'with the key of another',
      () => dataOf({ ...firstSet(first), serving: { ...first.serving, key: second.serving.key } }),
    ],
    ['with the authority of another', () => dataOf({ ...firstSet(first), trusted: [second.ca] })],
    ['with rubbish', () => ({ ...dataOf(firstSet(first)), 'tls.crt': 'eA==' })],
  ])('%s cannot be served', (_, data) => {
    expect(readSet({ ...secretOf(firstSet(first)), data: data() })).toBeNull()
  })
})
