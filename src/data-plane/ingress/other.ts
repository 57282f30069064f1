import type { IncomingMessage, ServerResponse } from 'node:http'
import { methodNotAllowed } from './problem.ts'
import { respondEmpty, respondUnread } from './respond.ts'
import { allowOf, isProbe } from './routes.ts'
import type { Shared } from './shared.ts'
import { meantAnEvent } from './witness.ts'

/**
 * What is neither an event nor a question of the kubelet.
 *
 *     OPTIONS                    a known path, or *  ─► 200, Allow, consent to webhooks    else 404
 *     GET, K-Network-Probe       a known path        ─► 200, the hash again                else 404
 *     else                                           ─► 405
 */
export function answerOther(shared: Shared, req: IncomingMessage, res: ServerResponse): void {
  const { routes, draining } = shared
  const url = req.url ?? '/'
  const method = req.method ?? ''
  const isRoute = routes.find(url) !== undefined
  if (method === 'OPTIONS' && (isRoute || isProbe(url) || url === '*')) {
    return respondEmpty(res, ['allow', allowOf(url), ...(isRoute ? consent(req) : [])], draining)
  }
  const networkProbe = method === 'GET' && req.headers['k-network-probe'] === 'probe'
  if (networkProbe && isRoute) return respondEmpty(res, hashOf(req), draining)
  const problem =
    method === 'OPTIONS' || networkProbe ? routes.notFound(url, method) : methodNotAllowed(method, allowOf(url))
  if (meantAnEvent(req)) shared.witnesses?.refused(req, null, problem)
  respondUnread(req, res, problem, draining)
}

const printable = /^[\x21-\x7e]+$/

/**
 * The answer to a validation request (HTTP 1.1 Web Hooks for Event Delivery 1.0.2 §4.2): every origin may send, at any rate; who sends too
 * much gets 429. It is given at once: a WebHook-Request-Callback is not called.
 */
function consent(req: IncomingMessage): readonly string[] {
  const origin = String(req.headers['webhook-request-origin'] ?? '')
  return ['webhook-allowed-origin', printable.test(origin) ? origin : '*', 'webhook-allowed-rate', '*']
}

/** Networking layers ask whether this process serves a path, and want their hash back. */
function hashOf(req: IncomingMessage): readonly string[] {
  const hash = String(req.headers['k-network-hash'] ?? '')
  return printable.test(hash) ? ['k-network-hash', hash] : []
}
