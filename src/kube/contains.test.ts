import { describe, expect, it } from 'vitest'
import { contains } from './contains.ts'

const pod = (container: object, more: object[] = []) => ({
  spec: { containers: [...more, { name: 'app', ...container }] },
})

describe('whether a live object says what we mean', () => {
  it.each([
    ['fields that others added', { a: 1, b: 2 }, { a: 1 }, true],
    ['another value', { a: 2 }, { a: 1 }, false],
    ['a missing field', {}, { a: 1 }, false],
    ['a field that we leave open', { a: 1 }, { a: undefined }, true],
    [
      'something empty that was left out',
      { name: 'x' },
      { name: 'x', emptyDir: {}, args: [], value: '', hostNetwork: false },
      true,
    ],
    ['a zero over something else', { replicas: 3 }, { replicas: 0 }, false],
    ['an injected container', pod({ image: 'a' }, [{ name: 'istio-proxy' }]), pod({ image: 'a' }), true],
    ['our container gone', { spec: { containers: [{ name: 'other' }] } }, pod({}), false],
    ['our container changed', pod({ image: 'b' }), pod({ image: 'a' }), false],
    [
      'quantities',
      pod({ resources: { limits: { cpu: '100m', memory: '1Gi' } } }),
      pod({ resources: { limits: { cpu: '0.1', memory: '1024Mi' } } }),
      true,
    ],
    [
      'a number as quantity',
      pod({ resources: { requests: { cpu: '1' } } }),
      pod({ resources: { requests: { cpu: 1 } } }),
      true,
    ],
    [
      'other quantities',
      pod({ resources: { limits: { cpu: '200m' } } }),
      pod({ resources: { limits: { cpu: '0.1' } } }),
      false,
    ],
    [
      'what only looks like a quantity',
      pod({ env: [{ name: 'A', value: '100m' }] }),
      pod({ env: [{ name: 'A', value: '0.1' }] }),
      false,
    ],
    [
      'ports by number and protocol',
      { ports: [{ port: 80, protocol: 'TCP', nodePort: 3 }] },
      { ports: [{ port: 80 }] },
      true,
    ],
    ['another port', { ports: [{ port: 81, protocol: 'TCP' }] }, { ports: [{ port: 80 }] }, false],
    ['a list of values: all of it, in order', { args: ['a', 'b'] }, { args: ['a'] }, false],
    ['finalizers of others', { finalizers: ['x', 'y'] }, { finalizers: ['y'] }, true],
    ['a list where there is none', { args: 'a' }, { args: ['a'] }, false],
  ])('%s', (_, live, desired, holds) => {
    expect(contains(live, desired)).toBe(holds)
  })
})
