import { describe, expect, it } from 'vitest'
import { concludeBinding, type BindingSeen, type SubjectOutcome } from './conclude.ts'

const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' }
const selecting = { apiVersion: 'apps/v1', kind: 'Deployment', selector: {} }
const result = (outcome: SubjectOutcome, more: { wanted?: boolean; name?: string } = {}) => {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app', wanted: true, outcome, ...more }
}
const resource = { group: 'x.dev', version: 'v1', plural: 'engines', kind: 'Engine', namespaced: true }
const known = {
  kind: 'known',
  resource,
  store: { synced: true, get: () => undefined, all: () => [], subscribe: () => () => undefined },
} as const
const judged = (seen: Partial<BindingSeen>) => {
  const usual = {
    namespace: 'shop',
    subject,
    sink: { url: 'http://a/' },
    sinkUri: 'http://a/',
    view: known,
    excludedNamespace: false,
    results: [],
  }
  const { ready, reason, message } = concludeBinding({ ...usual, ...seen })
  return { ready, reason, message }
}
const bound = result({ kind: 'bound' })

describe('what is told of a SinkBinding', () => {
  it.each<[string, Partial<BindingSeen>, string, string, RegExp]>([
    ['bound', { results: [bound] }, 'True', '', /^$/],
    [
      'the sink has gone',
      { results: [bound], sink: { missing: 'it is gone' } },
      'False',
      'ReferenceNotResolved',
      /until then K_SINK stays http:\/\/a\//,
    ],
    [
      'the sink was never there',
      { sink: { missing: 'it is not there' }, sinkUri: undefined },
      'False',
      'ReferenceNotResolved',
      /spec\.sink: it is not there$/,
    ],
    [
      'its kind is being looked up',
      { sink: { missing: 'x', unknown: true }, results: [bound] },
      'Unknown',
      'Pending',
      /./,
    ],
    ['no such workload', {}, 'False', 'SubjectMissing', /Deployment shop\/app does not exist; apply it/],
    [
      'no such kind',
      { view: { kind: 'notInstalled' }, subject: { ...subject, apiVersion: 'x.dev/v1', kind: 'Engine' } },
      'False',
      'KindNotInstalled',
      /no kind Engine\.x\.dev/,
    ],
    [
      'a kind without pods',
      { view: { kind: 'notInstalled' }, subject: { ...subject, apiVersion: 'v1', kind: 'Pod' } },
      'False',
      'SubjectNotBindable',
      /name a Deployment/,
    ],
    [
      'a kind that may not be read',
      { view: { kind: 'forbidden', resource } },
      'False',
      'SubjectForbidden',
      /duck\.knative\.dev\/podspecable/,
    ],
    ['a kind that is being looked up', { view: { kind: 'loading' } }, 'Unknown', 'Pending', /./],
    [
      'a conflict',
      { results: [result({ kind: 'conflict', with: 'other' })] },
      'False',
      'Conflict',
      /SinkBinding shop\/other already; .*env-prefix/,
    ],
    [
      'contested',
      { results: [result({ kind: 'contested' })] },
      'False',
      'Contested',
      /takes the variables out of Deployment shop\/app/,
    ],
    [
      'a Job that came before',
      { results: [result({ kind: 'jobNotBound' })] },
      'False',
      'JobNotBound',
      /delete it and create it again/,
    ],
    ['a Job that has run', { results: [result({ kind: 'ended' })] }, 'False', 'JobNotBound', /has run/],
    [
      'one that an owner made',
      { results: [result({ kind: 'owned', by: 'CronJob a' })] },
      'False',
      'SubjectOwned',
      /CronJob a/,
    ],
    ['one that is left alone', { results: [result({ kind: 'excluded' })] }, 'False', 'SubjectExcluded', /exclude/],
    [
      'a namespace that is left alone',
      { excludedNamespace: true, results: [bound] },
      'False',
      'SubjectExcluded',
      /namespace shop/,
    ],
    [
      'one that waits for the sink',
      { results: [result({ kind: 'waiting' })] },
      'Unknown',
      'Pending',
      /when the sink has an address/,
    ],
    [
      'a refusal',
      { results: [result({ kind: 'failed', message: 'no', forbidden: false })] },
      'False',
      'BindingFailed',
      /cannot be changed: no/,
    ],
    [
      'a former subject that cannot be let go',
      { results: [bound, result({ kind: 'failed', message: 'no', forbidden: true }, { wanted: false, name: 'old' })] },
      'False',
      'SubjectForbidden',
      /shop\/old/,
    ],
    ['nothing selected', { subject: selecting }, 'True', '', /^$/],
    [
      'of many one conflicts',
      { subject: selecting, results: [bound, result({ kind: 'conflict', with: 'b' }, { name: 'x' })] },
      'False',
      'Conflict',
      /^Deployment shop\/x has/,
    ],
    [
      'of many one is made by an owner',
      { subject: selecting, results: [bound, result({ kind: 'owned', by: 'a b' })] },
      'True',
      '',
      /^$/,
    ],
    [
      'of many four are contested',
      { subject: selecting, results: ['a', 'b', 'c', 'd'].map((name) => result({ kind: 'contested' }, { name })) },
      'False',
      'Contested',
      /shop\/c and 1 more/,
    ],
  ])('%s', (_, seen, ready, reason, message) => {
    expect(judged(seen)).toEqual({ ready, reason, message: expect.stringMatching(message) })
  })
})
