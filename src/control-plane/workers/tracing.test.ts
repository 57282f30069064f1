import { describe, expect, it } from 'vitest'
import { olderTracing, readTracing, tracingArgs, tracingOf } from './tracing.ts'

const http = { 'tracing-protocol': 'http/protobuf' }

describe('config-observability', () => {
  it.each([
    [{}, null],
    [{ 'tracing-protocol': 'none', 'tracing-sampling-rate': '0.5' }, null],
    [{ _example: 'tracing-protocol: grpc', 'metrics-protocol': 'grpc', 'runtime-profiling': 'enabled' }, null],
    [
      { ...http, 'tracing-endpoint': 'http://c:4318' },
      { endpoint: 'http://c:4318/', samplingRate: 0 },
    ],
    [
      { ...http, 'tracing-endpoint': ' http://c:4318/v1/traces ', 'tracing-sampling-rate': '0.25' },
      { endpoint: 'http://c:4318/v1/traces', samplingRate: 0.25 },
    ],
    // as Knative
    [
      { ...http, 'tracing-endpoint': 'c.ns:4318/v1/traces' },
      { endpoint: 'https://c.ns:4318/v1/traces', samplingRate: 0 },
    ],
  ])('%j', (data, target) => {
    expect(readTracing(data)).toEqual({ target, problems: [] })
  })

  it.each([
    [{ 'tracing-protocol': 'grpc', 'tracing-endpoint': 'c:4317' }, 'collectors take http/protobuf too, on port 4318'],
    [{ 'tracing-protocol': 'stdout' }, 'stdout is not served'],
    [{ 'tracing-protocol': 'zipkin' }, 'must be none or http/protobuf'],
    [{ 'tracing-endpoint': 'http://c:4318' }, 'tracing-protocol: does not say that traces shall be sent'],
    [{ 'tracing-protocol': 'none', 'tracing-endpoint': 'http://c' }, 'tracing-protocol: does not say'],
    [http, 'tracing-endpoint: is missing'],
    [{ ...http, 'tracing-endpoint': 'ftp://c' }, 'tracing-endpoint: must be a URL such as'],
    [{ ...http, 'tracing-endpoint': 'http://me:hunter2@c' }, 'Secret millrace-tracing, key headers'],
    [
      { ...http, 'tracing-endpoint': 'http://c', 'tracing-sampling-rate': '10%' },
      'tracing-sampling-rate: must be 0 to 1',
    ],
    [
      { ...http, 'tracing-endpoint': 'http://c', 'tracing-sampling-rate': '1.1' },
      'tracing-sampling-rate: must be 0 to 1',
    ],
    [{ ...http, 'tracing-endpoint': 'http://c', 'tracing-rate': '1' }, 'tracing-rate: is no key that Millrace knows'],
  ])('%j is refused: %s', (data, message) => {
    const { target, problems } = readTracing(data)
    expect(target).toBeNull()
    expect(problems).toHaveLength(1)
    expect(problems.join()).toContain(message)
    expect(problems.join()).not.toContain('hunter2')
  })

  it('comes back out of a worker that was made from it', () => {
    const target = { endpoint: 'http://c:4318/v1/traces', samplingRate: 0.25 }
    const worker = (args: readonly string[]) => ({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
      metadata: { name: 'w', namespace: 'n', uid: 'u', resourceVersion: '1' },
      spec: { template: { spec: { containers: [{ name: 'ingress', args }] } } },
    })
    expect(tracingOf(worker(['ingress', ...tracingArgs(target)]))).toEqual(target)
    expect(tracingOf(worker(['ingress', ...tracingArgs(undefined)]))).toBeUndefined()
    expect(tracingOf(undefined)).toBeUndefined()
  })
})

describe('config-tracing', () => {
  it('of an older Knative is told what to set, until that is set', () => {
    expect(olderTracing({}, {})).toBeNull()
    expect(olderTracing({ backend: 'none' }, {})).toBeNull()
    const said = olderTracing({ backend: 'zipkin', 'zipkin-endpoint': 'http://z:9411' }, {})
    expect(said).toContain('backend zipkin of ConfigMap config-tracing is not served')
    expect(said).toContain('in ConfigMap config-observability set tracing-protocol to http/protobuf')
    expect(olderTracing({ backend: 'zipkin' }, { 'tracing-protocol': 'none' })).toBeNull()
  })
})
