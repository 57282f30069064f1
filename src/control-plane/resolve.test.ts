import { expect, test } from 'vitest'
import { destinationResolver } from './resolve.ts'

const service = { apiVersion: 'v1', kind: 'Service', name: 'a' }
const resolve = destinationResolver(({ namespace, name }) => ({ url: `http://${name}.${namespace}/x`, CACerts: 'PEM' }))

test.each([
  ['none', {}, 'http://a.shop/x'],
  ['an empty one, as some tools write it', { namespace: '' }, 'http://a.shop/x'],
  ['another', { namespace: 'other' }, 'http://a.other/x'],
])('a reference with the namespace: %s', (_, more, url) => {
  expect(resolve({ ref: { ...service, ...more } }, 'shop')).toEqual({ url, CACerts: 'PEM' })
})

test('a path beside it keeps whom to trust', () => {
  expect(resolve({ ref: service, uri: '/y' }, 'shop')).toEqual({ url: 'http://a.shop/y', CACerts: 'PEM' })
})

test('what a server says of itself holds for a uri on that server alone', () => {
  const h2c = destinationResolver(() => ({ url: 'http://a.shop', protocol: 'h2c' }))
  expect(h2c({ ref: service, uri: '/y' }, 'shop')).toEqual({ url: 'http://a.shop/y', protocol: 'h2c' })
  expect(h2c({ ref: service, uri: 'http://b.shop/y' }, 'shop')).toEqual({ url: 'http://b.shop/y' })
})
