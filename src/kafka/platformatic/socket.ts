import { createConnection, type Socket } from 'node:net'
import { NetworkError, TimeoutError } from './library.ts'

/** Where a broker listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** For people, e.g. `kafka:9092`, `[::1]:9092`. */
export function nameOf({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** A NAT or a firewall forgets connections that are silent, without a word to either end. */
const KEEP_ALIVE_MS = 60_000

/**
 * Opens what carries the bytes. TLS is a matter of this file alone: who gets the socket writes and reads, whatever is below.
 * @param options.signal aborted: not waited for any more.
 * @throws NetworkError, whose cause says why (refused, name not found, ...); TimeoutError.
 */
export async function openSocket(
  address: Address,
  { connectTimeoutMs, signal }: { readonly connectTimeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (cause: Error): void => reject(new NetworkError('Connection failed.', { cause }))
  const givenUp = (): void => failed(new Error('it was given up'))
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  const socket = createConnection({ ...address, ...options })
  // stays: an error without a listener would end the process
  socket.on('error', failed)
  socket.once('connect', resolve)
  if (signal?.aborted === true) givenUp()
  // that it is late counts only when it has not come meanwhile: a busy process looks at its timers first
  const late = (): void => reject(new TimeoutError('Connection timed out.'))
  const timer = setTimeout(() => setImmediate(late), connectTimeoutMs)
  signal?.addEventListener('abort', givenUp)
  try {
    await promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', givenUp)
  }
}
