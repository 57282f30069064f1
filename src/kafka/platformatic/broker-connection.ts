import type { Connection } from '@platformatic/kafka'
import { inTime } from '../../core/deadline.ts'
import { Fault } from '../../core/fault.ts'
import type { KafkaSecurity } from '../security.ts'
import { tlsFault } from '../signing-in/tls.ts'
import { signIn } from './authenticate.ts'
import { toFault, walk } from './faults.ts'
import { WantsTls } from './frames.ts'
import { nameOf, type Address } from './socket.ts'
import { negotiate } from './versions.ts'
import type { Calls } from './versions.ts'
import { Wire } from './wire.ts'

/** What is agreed on a connection before its first request. */
interface Agreed {
  /** What may be asked on it: `connection.calls.heartbeat.async(connection, …)`. */
  readonly calls: Calls
  /** After so long the broker ends it (KIP-368), milliseconds; 0: never. */
  readonly lifetimeMs: number
}

/**
 * An open connection. The library's encoders ask for a Connection of its own; of that a Wire has all that they and we use.
 */
export type BrokerConnection = Wire &
  Connection &
  Agreed & {
    /** Whether someone signed in on it. */
    readonly hasUser: boolean
    /**
     * Set by its owner, who is given the connection that takes its place when the credential has changed, or the session ends (renewal.ts):
     * new requests go there, and this one retires. Without it the owner looks at `isRetired` before each request.
     */
    heir: ((next: BrokerConnection) => void) | null
  }

/** How to open a connection. */
export interface ConnectionOptions {
  /** For the socket with TLS, and for versions and signing in. */
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Aborted: a broker that hangs is not waited for any more. */
  readonly signal?: AbortSignal | undefined
  readonly security?: KafkaSecurity | undefined
}

/**
 * Opens a connection, agrees with the broker on versions, and signs in. Who opens it closes it.
 *
 *     socket, TLS (socket.ts) ─► frames (wire.ts) ─► versions (versions.ts) ─► sign in (authenticate.ts) ─► ready
 *
 * ApiVersions is what Kafka answers before it knows us.
 * @throws Fault LogUnavailable, AuthenticationFailed, TlsFailed; LogRefused when the broker is too old or too new for us.
 */
export async function openConnection(
  clientId: string,
  address: Address,
  options: ConnectionOptions,
): Promise<BrokerConnection> {
  const { connectTimeoutMs, signal, security = {} } = options
  const server = nameOf(address)
  let wire: Wire | undefined
  try {
    wire = await Wire.open(clientId, address, { ...options, tls: security.tls })
    // The request timeout is for the caller's requests, and may be long.
    const agreement = new Agreement(wire as unknown as Connection, server, security)
    const agreeing = agreement.reach()
    let agreed = await inTime(agreeing, { ms: connectTimeoutMs, signal })
    // a busy process looks at its timers first: an answer that is there already counts
    if (agreed.late) agreed = await inTime(agreeing, { ms: 0, signal })
    if (agreed.late) throw new Error(`it did not ${agreement.step} in time`)
    wire.agreed()
    return Object.assign(wire, {
      ...agreed.value,
      hasUser: security.sasl !== undefined,
      heir: null,
    }) as BrokerConnection
  } catch (error) {
    void wire?.close()
    throw connectFault(error, server, security)
  }
}

/** The steps before the first request, and which one is under way. */
class Agreement {
  readonly #connection: Connection
  readonly #server: string
  readonly #security: KafkaSecurity
  step = 'say which versions it speaks'

  constructor(connection: Connection, server: string, security: KafkaSecurity) {
    this.#connection = connection
    this.#server = server
    this.#security = security
  }

  async reach(): Promise<Agreed> {
    const calls = await negotiate(this.#connection, this.#server)
    const { sasl } = this.#security
    if (sasl === undefined) return { calls, lifetimeMs: 0 }
    this.step = 'answer to signing in'
    return { calls, lifetimeMs: await signIn(this.#connection, sasl, this.#server) }
  }
}

function connectFault(error: unknown, server: string, { tls }: KafkaSecurity): Fault {
  if (error instanceof Fault) return error
  for (const inner of walk(error)) {
    const fault = tls === undefined ? null : tlsFault(inner, server, tls)
    if (fault !== null) return fault
    if (!(inner instanceof WantsTls) || tls !== undefined) continue
    const advice = 'use the protocol with SSL there (SSL or SASL_SSL), or the port of its listener without TLS'
    return new Fault('TlsFailed', `Kafka at ${server} speaks TLS on this port, and we do not: ${advice}.`)
  }
  return toFault(error, `connecting to ${server}`)
}

/** Closes at once, without waiting for a peer that hangs; requests in flight fail. */
export function dropConnection(connection: BrokerConnection): Promise<void> {
  return connection.close()
}
