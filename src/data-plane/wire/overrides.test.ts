import { expect, test } from 'vitest'
import { overridesOf } from './overrides.ts'

test.each([
  ['nothing', undefined, []],
  ['extensions', { tenant: 'a', knativekafkaoffset: 'x' }, ['tenant', 'a', 'knativekafkaoffset', 'x']],
  [
    'what every event has by the specification stays its own',
    { id: '1', source: '/s', type: 't', specversion: '9', time: 'now', datacontenttype: 'x/y', data: 'd', tenant: 'a' },
    ['tenant', 'a'],
  ],
  ['names that none may have', { 'my-name': 'a', Tenant: 'b', '': 'c' }, []],
  ['characters that none may hold', { tenant: 'a\r\nb' }, ['tenant', 'a\ufffd\ufffdb']],
])('%s', (_, extensions, expected) => expect(overridesOf(extensions)).toEqual(expected))
