import type { Connection } from '@platformatic/kafka'
import { inTime } from '../../core/deadline.ts'
import { toFault } from './faults.ts'
import { nameOf, type Address } from './socket.ts'
import { negotiate } from './versions.ts'
import type { Calls } from './versions.ts'
import { Wire } from './wire.ts'

/**
 * An open connection and what may be asked on it: `connection.calls.heartbeat.async(connection, …)`. The library's encoders ask for a Connection
 * of its own; of that a Wire has all that they and we use.
 */
export type BrokerConnection = Wire & Connection & { readonly calls: Calls }

/**
 * Opens a connection and agrees with the broker on versions. Who opens it closes it.
 *
 *     socket (socket.ts) ─► frames (wire.ts) ─► versions (versions.ts) ─► ready
 *
 * Authentication belongs between the last two: ApiVersions is what Kafka answers before it.
 * @param options.connectTimeoutMs for the socket, and for the versions.
 * @param options.signal aborted: a broker that hangs is not waited for any more.
 * @throws Fault LogUnavailable, NotAuthorized; LogRefused when the broker is too old or too new for us.
 */
export async function openConnection(
  clientId: string,
  address: Address,
  options: { connectTimeoutMs: number; requestTimeoutMs: number; signal?: AbortSignal },
): Promise<BrokerConnection> {
  const { connectTimeoutMs, signal } = options
  const server = nameOf(address)
  let wire: Wire | undefined
  try {
    wire = await Wire.open(clientId, address, options)
    // The request timeout is for the caller's requests, and may be long.
    const negotiated = negotiate(wire as unknown as Connection, server)
    let agreed = await inTime(negotiated, { ms: connectTimeoutMs, signal })
    // a busy process looks at its timers first: an answer that is there already counts
    if (agreed.late) agreed = await inTime(negotiated, { ms: 0, signal })
    if (agreed.late) throw new Error('it did not say in time which versions it speaks')
    return Object.assign(wire, { calls: agreed.value }) as BrokerConnection
  } catch (error) {
    void wire?.close()
    throw toFault(error, `connecting to ${server}`)
  }
}

/** Closes at once, without waiting for a peer that hangs; requests in flight fail. */
export function dropConnection(connection: BrokerConnection): Promise<void> {
  return connection.close()
}
