import type { Agent } from 'node:http'
import https from 'node:https'
import { createSecureContext } from 'node:tls'
import { http } from '../core/node-http.ts'
import type { Access, Certificates } from './access.ts'

/** A connection that is silent for so long is asked by TCP whether the other end is still there. */
const probeAfterMs = 15_000
/** An idle connection is let go before the API server, or what stands between, does so. */
const idleMs = 50_000

/** The connections to one API server, all made with the same certificates. */
export class Pools {
  readonly #certificates: Certificates
  readonly requests: Agent
  readonly watches: Agent

  /** @param maxConnections for requests; each watch has one of its own besides */
  constructor(access: Access, maxConnections: number) {
    this.#certificates = access
    this.requests = agent(access, maxConnections)
    this.watches = agent(access, Infinity)
  }

  /** Whether others than these are to be used from now on: they differ, and are whole (a certificate is written before or after its key). */
  isReplacedBy(now: Certificates): boolean {
    const used = this.#certificates
    return (now.ca !== used.ca || now.cert !== used.cert || now.key !== used.key) && isWhole(now)
  }

  /** Keeps no connection beyond what is under way. */
  retire(): void {
    for (const pool of [this.requests, this.watches]) {
      pool.maxFreeSockets = 0
      for (const idle of Object.values(pool.freeSockets)) for (const socket of idle ?? []) socket.destroy()
    }
  }

  destroy(): void {
    this.requests.destroy()
    this.watches.destroy()
  }
}

/** What OpenSSL says of a certificate that no authority we know has signed, X509_verify_cert_error_string(3) by the names of Node.js. */
const untrusted: ReadonlySet<unknown> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_SIGNATURE_FAILURE',
  'CERT_HAS_EXPIRED',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])

/** What OpenSSL says of certificates and keys of ours that are none, or no pair: they are half written. */
const unusable = /^ERR_OSSL_/

/** Whether a connection failed since we have no reason to trust the server's certificate, or since ours are of no use: nothing was sent then. */
export function isOfCertificates(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { readonly code?: unknown } | undefined) : undefined
  return untrusted.has(cause?.code) || unusable.test(String(cause?.code))
}

function isWhole({ ca, cert, key }: Certificates): boolean {
  try {
    createSecureContext({ ca, cert, key })
    return true
  } catch {
    return false
  }
}

function agent(access: Access, maxSockets: number): Agent {
  const options = { keepAlive: true, keepAliveMsecs: probeAfterMs, maxSockets, timeout: idleMs }
  if (access.server.startsWith('http:')) return new http.Agent(options)
  const { ca, cert, key, skipTlsVerify, serverName } = access
  return new https.Agent({
    ...options,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: skipTlsVerify !== true,
  })
}
