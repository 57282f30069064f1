import type { IncomingMessage, ServerResponse } from 'node:http'
import { modeOf } from '../wire/media-type.ts'
import { Exchange } from './exchange.ts'
import type { Limits } from './options.ts'
import type { Inlet } from '../../contract/inlet.ts'
import { full, tooMuch, type Problem } from './problem.ts'
import { respondUnread } from './respond.ts'
import type { Shared } from './shared.ts'

/** What a request costs in memory beside its body: head, attributes, record, promises. Counted with it. */
const overheadBytes = 4096

/**
 * Takes one POST. 202 only once the log has acknowledged.
 *
 *     path ─► Inlet ─► length known: room for it? ─► body ─► event, or batch ─► record, or several ─► append ─► 202
 *       404            413 · 429                      413 · 429   400 · 413 · 415   400 · 429            413 · 429 · 503
 */
export function accept(shared: Shared, req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? '/'
  const inlet = shared.routes.find(url)
  if (inlet === undefined) {
    refuse(shared, null, req, res, shared.routes.notFound(url, 'POST'))
    return
  }
  const { limits } = shared
  const length = Number(req.headers['content-length'] ?? 0)
  // by far the most are neither large nor of unknown length: no look at their type
  const limit = length > 0 && length <= limits.maxEventBytes ? limits.maxEventBytes : bodyLimit(limits, req)
  if (length > limit) {
    refuse(shared, inlet, req, res, tooMuch(limit, limit === limits.maxEventBytes))
    return
  }
  if (!shared.budget.take(length + overheadBytes)) {
    refuse(shared, inlet, req, res, full(shared.budget.limit))
    return
  }
  new Exchange(shared, inlet, req, res, { length, limit, held: length + overheadBytes }).read()
}

function refuse(
  { tallies, witnesses, draining }: Shared,
  inlet: Inlet | null,
  req: IncomingMessage,
  res: ServerResponse,
  problem: Problem,
): void {
  if (inlet === null) tallies?.refused(null, problem.code)
  else tallies?.answered(inlet, problem.status, problem.code, 0, 1)
  witnesses?.refused(req, inlet, problem)
  respondUnread(req, res, problem, draining)
}

/** How many bytes the body of a request may have. */
export function bodyLimit(limits: Limits, req: IncomingMessage): number {
  return modeOf(req.headers['content-type']) === 'batch' ? limits.maxBatchBytes : limits.maxEventBytes
}
