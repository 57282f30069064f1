import type { IncomingMessage, ServerResponse } from 'node:http'
import { problemBody, problemType, type Problem } from './problem.ts'

const accepted = ['content-length', '0']
const acceptedAndClose = [...accepted, 'connection', 'close']
/** Unread bodies up to this size are read and dropped, which costs less than a new connection. */
const dropAtMostBytes = 64 * 1024
/** How long a sender of a refused body may go on sending before the connection is cut. */
const lingerMs = 2_000

/** 202: the log has acknowledged the event. @param last the connection ends with this answer. */
export function respondAccepted(res: ServerResponse, last: boolean): void {
  res.writeHead(202, last ? acceptedAndClose : accepted)
  res.end()
}

/** 200 without a body. @param headers name, value … @param last the connection ends with this answer. */
export function respondEmpty(res: ServerResponse, headers: readonly string[], last: boolean): void {
  res.writeHead(200, [...headers, ...(last ? acceptedAndClose : accepted)])
  res.end()
}

/** @param last the connection ends with this answer. */
export function respondProblem(res: ServerResponse, problem: Problem, last: boolean): void {
  const body = problemBody(problem)
  res.writeHead(problem.status, problemHead(problem, body, last))
  res.end(body)
}

/**
 * Answers a request whose body was not read, or not to its end. Closing a connection while its sender still sends resets it, and the sender
 * may never see the answer; so the whole answer goes out at once, the rest of the body is dropped as it comes, and only then the connection ends.
 */
export function respondUnread(req: IncomingMessage, res: ServerResponse, problem: Problem, last: boolean): void {
  req.removeAllListeners('data')
  const length = Number(
    req.headers['content-length'] ?? (req.headers['transfer-encoding'] === undefined ? 0 : Infinity),
  )
  if (req.complete || length <= dropAtMostBytes) {
    req.resume()
    respondProblem(res, problem, last)
    return
  }
  const body = problemBody(problem)
  res.writeHead(problem.status, problemHead(problem, body, true))
  res.write(body)
  const end = (): void => {
    clearTimeout(timer)
    if (!res.writableEnded) res.end()
  }
  const timer = setTimeout(end, lingerMs)
  req.once('end', end).once('close', end).resume()
}

function problemHead(problem: Problem, body: Buffer, last: boolean): string[] {
  const head = ['content-type', problemType, 'content-length', String(body.length), ...(problem.headers ?? [])]
  return last ? [...head, 'connection', 'close'] : head
}

/** The same on a connection where HTTP itself broke, so that no response object exists. */
export function rawProblem(problem: Problem, reason: string): Buffer {
  const body = problemBody(problem)
  const head = problemHead(problem, body, true)
  const lines = head.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${head[at + 1] ?? ''}`] : []))
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${problem.status} ${reason}\r\n${lines.join('\r\n')}\r\n\r\n`), body])
}
