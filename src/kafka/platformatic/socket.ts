import { createConnection, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Fault } from '../../core/fault.ts'
import { tlsOptions, type Tls } from '../signing-in/tls.ts'
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

/** Of `host:port`; an IPv6 address stands in brackets. @throws Fault LogRefused when it cannot be read. */
export function parseServer(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1) || port > 65535) {
    throw new Fault('LogRefused', `bootstrap server '${text}' is not host:port`)
  }
  return { host, port }
}

/** A NAT or a firewall forgets connections that are silent, without a word to either end. */
const KEEP_ALIVE_MS = 60_000

/**
 * Opens what carries the bytes. TLS is a matter of this file alone: who gets the socket writes and reads, whatever is below. A server may
 * refuse our certificate only after that: then it is the first read that fails.
 * @param options.tls present: TLS, and the server is who it should be.
 * @param options.signal aborted: not waited for any more.
 * @throws Fault TlsFailed for a certificate without key; an error of Node for one that cannot be read; NetworkError, whose cause says why (refused, name not found, ...); TimeoutError.
 */
export async function openSocket(
  address: Address,
  {
    connectTimeoutMs,
    signal,
    tls,
  }: {
    readonly connectTimeoutMs: number
    readonly signal?: AbortSignal | undefined
    readonly tls?: Tls | undefined
  },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (cause: Error): void => reject(new NetworkError('Connection failed.', { cause }))
  const givenUp = (): void => failed(new Error('it was given up'))
  const socket =
    tls === undefined ? createConnection(address) : connectTls({ ...address, ...tlsOptions(tls, address.host) })
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
  // stays: an error without a listener would end the process
  socket.on('error', failed)
  socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
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
