import { Connection } from '@platformatic/kafka'
import { inTime } from '../../core/deadline.ts'
import { toFault } from './faults.ts'
import { negotiate } from './versions.ts'
import type { Calls } from './versions.ts'

/** Where a broker listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** An open connection and what may be asked on it: `connection.calls.heartbeat.async(connection, …)`. */
export type BrokerConnection = Connection & { readonly calls: Calls }

/**
 * Opens a connection and agrees with the broker on versions. Who opens it closes it, by {@link dropConnection}.
 * @param options.connectTimeoutMs for each of the two.
 * @param options.signal aborted: a broker that hangs is not waited for any more.
 * @throws Fault LogUnavailable, NotAuthorized; LogRefused when the broker is too old or too new for us.
 */
export async function openConnection(
  clientId: string,
  address: Address,
  options: { connectTimeoutMs: number; requestTimeoutMs: number; signal?: AbortSignal },
): Promise<BrokerConnection> {
  const { connectTimeoutMs, requestTimeoutMs, signal } = options
  const server = `${address.host}:${address.port}`
  const connection = new Connection(clientId, { connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs })
  // Errors reach us through the requests; an 'error' event without a listener would end the process.
  connection.on('error', () => {})
  try {
    await connection.connect(address.host, address.port)
    // The request timeout is for the caller's requests, and may be long.
    const agreed = await inTime(negotiate(connection, server), { ms: connectTimeoutMs, signal })
    if (agreed.late) throw new Error('it did not say in time which versions it speaks')
    return Object.assign(connection, { calls: agreed.value })
  } catch (error) {
    void dropConnection(connection)
    throw toFault(error, `connecting to ${server}`)
  }
}

/** Closes at once, without waiting for a peer that hangs; requests in flight fail. */
export async function dropConnection(connection: Connection): Promise<void> {
  const closed = connection.close()
  connection.socket?.destroy()
  await closed
}
