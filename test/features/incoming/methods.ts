import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openMill, type Mill, type OpenLog } from '../delivery-rules-rig.ts'

const event = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order' }

/** The rules of requests that are not events, or not for a Broker that is there. */
export function methodRules(log: () => Promise<OpenLog>): void {
  let mill: Mill
  beforeAll(async () => {
    mill = await openMill(log)
  })
  afterAll(() => mill[Symbol.asyncDispose]())

  describe('other methods', () => {
    const origin = 'eventemitter.example.com'
    test.each([
      [
        'OPTIONS with an origin is the handshake of webhooks: the origin may send, at any rate',
        { method: 'OPTIONS', headers: { 'webhook-request-origin': origin, 'webhook-request-rate': '120' } },
        200,
        { allow: 'POST, OPTIONS', 'webhook-allowed-origin': origin, 'webhook-allowed-rate': '*' },
      ],
      [
        'OPTIONS with a callback is answered at once',
        {
          method: 'OPTIONS',
          headers: { 'webhook-request-origin': origin, 'webhook-request-callback': 'https://example.com/confirm?id=1' },
        },
        200,
        { 'webhook-allowed-origin': origin },
      ],
      ['OPTIONS without an origin: anyone may send', { method: 'OPTIONS' }, 200, { 'webhook-allowed-origin': '*' }],
      [
        'OPTIONS of a path with a slash at its end',
        { method: 'OPTIONS', path: '/shop/default/' },
        200,
        { 'webhook-allowed-origin': '*' },
      ],
      ['OPTIONS of a path where nothing is gives no consent', { method: 'OPTIONS', path: '/shop/none' }, 404, {}],
      ['OPTIONS of the server', { method: 'OPTIONS', path: '*' }, 200, { allow: 'POST, OPTIONS' }],
      ['OPTIONS of a probe', { method: 'OPTIONS', path: '/healthz' }, 200, { allow: 'GET, HEAD, OPTIONS' }],
      ['GET', { method: 'GET' }, 405, { allow: 'POST, OPTIONS' }],
      ['PUT', { method: 'PUT', body: 'x' }, 405, { allow: 'POST, OPTIONS' }],
      ['POST to a probe', { path: '/readyz' }, 405, { allow: 'GET, HEAD, OPTIONS' }],
      [
        'GET of a network probe',
        { method: 'GET', headers: { 'k-network-probe': 'probe', 'k-network-hash': 'abc' } },
        200,
        { 'k-network-hash': 'abc' },
      ],
      [
        'GET of a network probe where nothing is',
        { method: 'GET', path: '/a/b', headers: { 'k-network-probe': 'probe' } },
        404,
        {},
      ],
    ])('%s', async (_, sent, status, headers) => {
      const answer = await mill.send(sent)
      expect(answer.status).toBe(status)
      expect(answer.headers).toMatchObject(headers)
      // consent is given where it is said, and nowhere else
      expect('webhook-allowed-origin' in answer.headers).toBe('webhook-allowed-origin' in headers)
    })

    test('a path where nothing is says how to find out, and names no Broker of others', async () => {
      const answer = await mill.send({ path: '/shop/orders', headers: event })
      expect(answer.status).toBe(404)
      expect(answer.problem['detail']).toMatch(/no Broker shop\/orders.*kubectl get brokers -n shop/)
      expect(answer.body).not.toContain('default')
    })
  })
}
