import type { Socket } from 'node:net'
import { http } from '../../core/node-http.ts'
import { maxHeadBytes } from './options.ts'
import type { Problem } from './problem.ts'
import { rawProblem } from './respond.ts'
import type { Tallies } from './tallies.ts'
import { breakBy, latestResponse } from './track.ts'

/**
 * HTTP itself is broken on a connection: malformed, truncated, too slow, too large a head. The sender gets a 4xx if there is still a way to
 * tell it, then the connection ends.
 *
 *     newest request  complete, being stored ──► its answer first, then the 4xx (pipelining keeps the order)
 *                     complete and answered  ──► the 4xx now (the next request is the broken one)
 *                     not complete           ──► the 4xx is its answer, unless it has one
 *                     none                   ──► the 4xx now
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket, tallies: Tallies | null): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const finish = (): void => {
    if (!socket.writable) return
    const problem = clientProblem(error.code ?? '')
    tallies?.refused(null, problem.code)
    breakBy(socket, problem)
    // the sender may still be sending: end() lets the answer out before the connection goes
    socket.end(rawProblem(problem, http.STATUS_CODES[problem.status] ?? ''), () => socket.destroy())
  }
  const response = latestResponse(socket)
  if (response === undefined) return finish()
  if (!response.req.complete) {
    // refused before its end: it has its answer
    if (response.headersSent) socket.destroySoon()
    else finish()
  } else if (response.writableFinished) finish()
  else response.once('close', finish)
}

function clientProblem(code: string): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return problem(408, 'RequestTimeout', 'The request took too long', 'Send the whole request faster.')
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return problem(
      431,
      'HeadTooLarge',
      'The headers are too large',
      `All headers together may have ${maxHeadBytes} bytes: put long content into the data.`,
    )
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return problem(
      413,
      'ChunkExtensionsTooLarge',
      'The chunk extensions are too large',
      'Send chunks without extensions.',
    )
  }
  const detail = `The request is not valid HTTP/1.1, or it ended early${code === '' ? '' : ` (${code})`}.`
  return problem(400, 'MalformedRequest', 'Malformed request', detail)
}

function problem(status: number, code: string, title: string, detail: string): Problem {
  return { status, code, title, detail }
}
