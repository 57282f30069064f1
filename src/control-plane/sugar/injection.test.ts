import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../kube/client.ts'
import { namespaceSelector, wantsBroker } from './injection.ts'

const namespace = (labels: Record<string, string>, more: object = {}): StoredObject => {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n', uid: 'u', resourceVersion: '1', labels, ...more },
  }
}
const sugar = (text: string): StoredObject => ({
  ...namespace({}),
  kind: 'ConfigMap',
  data: { 'namespace-selector': text },
})
const wants = (labels: Record<string, string>, text = '', more: object = {}): boolean =>
  wantsBroker(namespace(labels, more), namespaceSelector(text === '' ? undefined : sugar(text)).selector)

describe('a namespace has a Broker', () => {
  it.each<[string, Record<string, string>, string, boolean]>([
    ['nobody asks', {}, '', false],
    ['the old label', { 'knative-eventing-injection': 'enabled' }, '', true],
    ['the new label', { 'eventing.knative.dev/injection': 'enabled' }, '', true],
    ['another value', { 'eventing.knative.dev/injection': 'true' }, '', false],
    ['an empty selector selects all', {}, '{}', true],
    ['but who refuses', { 'eventing.knative.dev/injection': 'disabled' }, '{}', false],
    ['matchLabels', { a: 'b' }, 'matchLabels: {a: b}', true],
    ['matchLabels, all of them', { a: 'b' }, 'matchLabels: {a: b, c: d}', false],
    ['In', { a: 'b' }, 'matchExpressions: [{key: a, operator: In, values: [b, c]}]', true],
    ['In, absent', {}, 'matchExpressions: [{key: a, operator: In, values: [b, c]}]', false],
    ['NotIn, absent', {}, 'matchExpressions: [{key: a, operator: NotIn, values: [b]}]', true],
    ['NotIn', { a: 'b' }, 'matchExpressions: [{key: a, operator: NotIn, values: [b]}]', false],
    ['Exists', { a: '' }, 'matchExpressions: [{key: a, operator: Exists}]', true],
    ['DoesNotExist', { a: '' }, 'matchExpressions: [{key: a, operator: DoesNotExist}]', false],
    ['JSON is YAML', { a: 'b' }, '{"matchLabels": {"a": "b"}}', true],
    ['nonsense selects none', { a: 'b' }, 'matchLabel: {a: b}', false],
    ['broken YAML selects none', { a: 'b' }, '{matchLabels: ', false],
  ])('%s', (_, labels, text, expected) => {
    expect(wants(labels, text)).toBe(expected)
  })

  it('not while it goes', () => {
    expect(wants({ 'knative-eventing-injection': 'enabled' }, '', { deletionTimestamp: 'now' })).toBe(false)
  })

  it('nonsense is told', () => {
    expect(namespaceSelector(sugar('matchLabel: {a: b}')).problem).toMatch(/not a LabelSelector/)
  })
})
