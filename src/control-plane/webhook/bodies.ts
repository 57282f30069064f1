import type { IncomingMessage } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'

/** An object is 3 MiB at most for an API server, and a review has it twice; beyond it: 413. */
const maxReviewBytes = 8 * 1024 * 1024
/** All that is held at one time: any pod can reach this port. Beyond it: 503. */
const maxBytesInFlight = 48 * 1024 * 1024
/** Of these so many from one address: whoever floods us leaves room for API servers. */
const maxBytesPerAddress = 16 * 1024 * 1024
/** An API server sends a review in one go, and waits 5 s for the answer: a body that is not whole by then is given up. */
const arrivalMs = 2_000

/** A body that is not taken; its connection is closed. */
export class BodyRefused extends Error {
  readonly statusCode: 400 | 408 | 413 | 503

  constructor(statusCode: BodyRefused['statusCode'], message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** What one request holds of the room. */
export interface BodyShare {
  /** Reads the body as JSON. @throws BodyRefused. */
  read(body: IncomingMessage): Promise<unknown>
  /** Once the request is answered or cut; gives back what it held. */
  release(): void
}

/**
 * Room for bodies under way. What has arrived is counted, not what was announced: who announces and sends nothing takes nothing.
 *
 *     chunk ──► whole body, one address, all addresses ── too much ──► 413, 503, 503
 *     2 s, and not whole ──────────────────────────────────────────► 408
 */
export class BodyRoom {
  readonly #byAddress = new Map<string, number>()
  #bytes = 0

  /** `address`: who sends it. */
  share(address: string): BodyShare {
    let held = 0
    let released = false
    const take = (bytes: number): boolean => {
      if (released || this.#held(address) + bytes > maxBytesPerAddress || this.#bytes + bytes > maxBytesInFlight)
        return false
      held += bytes
      this.#add(address, bytes)
      return true
    }
    return {
      read: (body) => readJson(body, take),
      release: () => {
        released = true
        this.#add(address, -held)
        held = 0
      },
    }
  }

  #held(address: string): number {
    return this.#byAddress.get(address) ?? 0
  }

  #add(address: string, bytes: number): void {
    const now = this.#held(address) + bytes
    this.#bytes += bytes
    if (now === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, now)
  }
}

async function readJson(body: IncomingMessage, take: (bytes: number) => boolean): Promise<unknown> {
  const tooLong = new BodyRefused(413, `a review has ${maxReviewBytes} bytes at most`)
  if (Number(body.headers['content-length'] ?? 0) > maxReviewBytes) throw tooLong
  const chunks: Buffer[] = []
  let bytes = 0
  const read = Promise.withResolvers<void>()
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxReviewBytes) read.reject(tooLong)
    else if (!take(chunk.length)) read.reject(new BodyRefused(503, 'too many reviews at a time'))
    else chunks.push(chunk)
  })
  body.once('end', read.resolve)
  body.once('error', () => read.reject(new BodyRefused(400, 'the body was cut off')))
  const giveUp = async (): Promise<void> => {
    // What lies unread on a busy machine is read first.
    for (let before = -1; bytes > before; await turn(), await turn()) before = bytes
    read.reject(new BodyRefused(408, `the review was not whole after ${arrivalMs / 1000} s`))
  }
  const timer = setTimeout(() => void giveUp(), arrivalMs)
  try {
    await read.promise
  } finally {
    clearTimeout(timer)
    body.removeAllListeners('data')
  }
  return parse(Buffer.concat(chunks))
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    throw new BodyRefused(400, 'the body is not JSON')
  }
}
