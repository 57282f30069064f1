import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { devFlags, environment, UsageError } from '../flags.ts'
import { collectorCredentials } from './credentials.ts'
import { tracingSettings, type TracingFlags } from './settings.ts'

const read = (flags: TracingFlags, env: Readonly<Record<string, string>> = {}) =>
  tracingSettings('ingress', flags, environment(env))
const at = (tracingEndpoint: string): TracingFlags => ({ tracingEndpoint })
const problems = (run: () => unknown): string => {
  try {
    run()
    return ''
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
}

describe('tracing', () => {
  it('is off until somebody names a collector, and where somebody says so', () => {
    expect(read({})).toBeUndefined()
    expect(
      read({ tracingSamplingRate: 1 }, { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'nonsense' }),
    ).toBeUndefined()
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    expect(read(at('off'), env)).toBeUndefined()
    expect(read({}, { ...env, OTEL_SDK_DISABLED: 'true' })).toBeUndefined()
    expect(read({}, { ...env, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined()
    expect(read({}, { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' })).toBeUndefined()
  })

  it.each([
    [at('http://c:4318'), {}, 'http://c:4318/v1/traces'],
    [at('http://c:4318/'), {}, 'http://c:4318/v1/traces'],
    [at('https://c/otlp/v1/traces'), {}, 'https://c/otlp/v1/traces'],
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'],
    [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/base/' }, 'http://c:4318/base/v1/traces'],
    [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/x' }, 'http://c:4318/x'],
    [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b' }, 'http://a/x'],
    [
      at('http://a'),
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'http://a/v1/traces',
    ],
  ])('with %j and %j goes to %s', (flags, env, url) => {
    expect(read(flags, env as Readonly<Record<string, string>>)?.url).toBe(url)
  })

  it('keeps all new traces, or as many as the flag says, or the environment', () => {
    const url = at('http://c')
    expect(read(url)?.ratio).toBe(1)
    expect(read({ ...url, tracingSamplingRate: 0 }, { OTEL_TRACES_SAMPLER: 'parentbased_always_on' })?.ratio).toBe(0)
    expect(read(url, { OTEL_TRACES_SAMPLER: 'parentbased_always_off' })?.ratio).toBe(0)
    expect(read(url, { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' })?.ratio).toBe(
      0.25,
    )
  })

  it('says who it is, over that what the pod is, over that what the environment says', () => {
    const pod = { POD_NAME: 'millrace-ingress-x', POD_NAMESPACE: 'knative-eventing', POD_UID: 'u' }
    expect(read(at('http://c'), pod)?.resource).toEqual({
      'service.name': 'millrace-ingress',
      'service.instance.id': 'u',
      'k8s.pod.name': 'millrace-ingress-x',
      'k8s.namespace.name': 'knative-eventing',
    })
    const named = { OTEL_RESOURCE_ATTRIBUTES: 'team=a%20b,service.name=first, zone = z' }
    expect(read(at('http://c'), named)?.resource).toEqual({ 'service.name': 'first', team: 'a b', zone: 'z' })
    expect(read(at('http://c'), { ...named, OTEL_SERVICE_NAME: 'second' })?.resource['service.name']).toBe('second')
  })

  it('names everything that is wrong at once', () => {
    const text = problems(() =>
      read(
        {},
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
          OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
          OTEL_TRACES_EXPORTER: 'zipkin',
          OTEL_TRACES_SAMPLER: 'always_on',
          OTEL_EXPORTER_OTLP_HEADERS: 'nonsense',
          OTEL_RESOURCE_ATTRIBUTES: 'a=%E0',
        },
      ),
    )
    expect(text.split('\n')).toHaveLength(6)
    expect(text).toContain('OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that starts with http:// or https://')
    expect(text).toContain('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, usually on port 4318')
    expect(text).toContain('OTEL_TRACES_EXPORTER must be otlp or none')
    expect(text).toContain('OTEL_TRACES_SAMPLER must be parentbased_always_on')
    expect(text).toContain('OTEL_EXPORTER_OTLP_HEADERS must be name=value')
    expect(text).toContain('OTEL_RESOURCE_ATTRIBUTES must be name=value')
    const secret = problems(() => read(at('http://me:hunter2@collector:4318')))
    expect(secret).toContain('--tracing-endpoint holds a name or a password')
    expect(secret).not.toContain('hunter2')
  })

  it.each([
    [{ tracingSamplingRate: '2' }, '--tracing-sampling-rate must be 0 to 1'],
    [{ tracingSamplingRate: 'all' }, '--tracing-sampling-rate is not a number'],
    [{ tracingEndpoint: 'localhost:4318' }, '--tracing-endpoint '],
  ])('refuses %j', (flags, message) => {
    const rest = { filename: ['x'], data: 'd', port: 0, displayPort: 0, metricsPort: 0, service: [], namespace: 'n' }
    const dev = { ...rest, fsync: 'off', retentionMib: 1, retentionHours: 1 }
    expect(() => devFlags(dev)).not.toThrow()
    expect(problems(() => devFlags({ ...dev, ...flags }))).toContain(message)
  })
})

describe('what the collector wants to see', () => {
  it('comes from the environment, over that from a folder that may change any time', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-tracing-'))
    const settings = read({ ...at('http://c'), tracingCredentials: folder }, { OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=2' })
    const credentials = collectorCredentials(settings!)
    expect(credentials()).toEqual({ headers: { a: '1', b: '2' } })
    writeFileSync(join(folder, 'headers'), 'b=Bearer%20x\nc=3=3\n')
    writeFileSync(join(folder, 'ca.crt'), 'PEM')
    expect(credentials()).toEqual({ headers: { a: '1', b: 'Bearer x', c: '3=3' }, ca: 'PEM' })
    for (const broken of ['secret', 'a=%0asecret', 'ü=secret']) {
      writeFileSync(join(folder, 'headers'), broken)
      expect(credentials).toThrow(/header/)
      expect(credentials).not.toThrow('secret')
    }
    rmSync(folder, { recursive: true })
    expect(credentials()).toEqual({ headers: { a: '1', b: '2' } })
  })
})
