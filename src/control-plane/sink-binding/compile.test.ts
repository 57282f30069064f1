import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../api/manifest.ts'
import { bindManifests } from './compile.ts'

const app = (name: string, env = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, labels: { app: ${name} }, annotations: { a: b } }
spec: { template: { spec: { containers: [{ name: app, env: [${env}] }] } } }
`
const binding = (name: string, subject: string, sink: string, annotations = '{}') => `
apiVersion: sources.knative.dev/v1
kind: SinkBinding
metadata: { name: ${name}, annotations: ${annotations} }
spec: { subject: { apiVersion: apps/v1, kind: Deployment, ${subject} }, sink: { uri: "${sink}" } }
`
const compiled = (...texts: string[]) => {
  const { objects, problems } = parseManifest(texts.join('---'), 'a.yaml')
  expect(problems).toEqual([])
  return bindManifests(objects, ({ uri = '' }) =>
    uri.endsWith('none') ? { missing: 'it is not there' } : { url: uri },
  )
}
const envs = (found: ReturnType<typeof compiled>) => found.workloads.map(({ env }) => env)

describe('SinkBindings of files', () => {
  it('give workloads their variables, by name and by labels, beside those that are written there', () => {
    const found = compiled(
      app('a', '{name: A, value: x}, {name: B, valueFrom: {}}'),
      app('b'),
      binding('x', 'name: a', 'http://x/'),
    )
    expect(envs(found)).toEqual([{ A: 'x', K_SINK: 'http://x/', K_CE_OVERRIDES: '' }, {}])
    const selected = compiled(app('a'), app('b'), binding('x', 'selector: {matchLabels: {app: b}}', 'http://x/'))
    expect(envs(selected)).toEqual([{}, { K_SINK: 'http://x/', K_CE_OVERRIDES: '' }])
    expect(selected.bindings).toMatchObject([{ subjects: [{ name: 'b' }], conflicts: [] }])
  })

  it('that want the same: the first in the files is in; with a prefix both are', () => {
    const both = compiled(app('a'), binding('z', 'name: a', 'http://z/'), binding('b', 'name: a', 'http://b/'))
    expect(envs(both)).toMatchObject([{ K_SINK: 'http://z/' }])
    expect(both.bindings[1]?.conflicts).toMatchObject([{ with: 'z' }])
    const named = '{sources.millrace.dev/env-prefix: B_}'
    const apart = compiled(app('a'), binding('z', 'name: a', 'http://z/'), binding('b', 'name: a', 'http://b/', named))
    expect(envs(apart)).toMatchObject([{ K_SINK: 'http://z/', B_K_SINK: 'http://b/' }])
  })

  it('whose sink is missing let their workload wait', () => {
    const found = compiled(app('a'), app('b'), binding('x', 'name: a', 'http://none'))
    expect(found.workloads.map(({ waitsFor }) => waitsFor)).toEqual(['it is not there', null])
  })
})
