import type { Connection } from '@platformatic/kafka'
import type { Fault } from '../../core/fault.ts'
import {
  missingSasl,
  needlessSasl,
  playMechanism,
  refusedMechanism,
  refusedUser,
  type Sasl,
} from '../signing-in/sasl.ts'
import { errorsInside, kafkaErrorName } from './faults.ts'
import { request } from './library.ts'

const saslHandshake = request('security', 'saslHandshakeV1').api
const saslAuthenticate = request('security', 'saslAuthenticateV2').api

type HandshakeAnswer = Awaited<ReturnType<typeof saslHandshake.async>>
type AuthenticateAnswer = Awaited<ReturnType<typeof saslAuthenticate.async>>

/**
 * Signs in on a connection that has agreed on versions (KIP-43, KIP-152).
 *
 *     SaslHandshake: mechanism ─► offered? ─► SaslAuthenticate, as often as the mechanism wants ─► how long it counts (KIP-368)
 *
 * @param server `host:port`, for people.
 * @returns after how many milliseconds the broker ends the connection unless one signs in again; 0: never.
 * @throws Fault AuthenticationFailed, which never holds what was sent; the client library's error when the broker did not answer.
 */
export async function signIn(connection: Connection, sasl: Sasl, server: string): Promise<number> {
  const { errorCode, mechanisms } = await handshake(connection, sasl.mechanism)
  const error = kafkaErrorName(errorCode)
  if (error === 'ILLEGAL_SASL_STATE') throw needlessSasl(sasl, server)
  if (errorCode !== 0) throw refusedMechanism(sasl, server, mechanisms ?? [])
  let lifetimeMs = 0n
  await playMechanism(sasl, server, async (message) => {
    const answer = await errorsInside<AuthenticateAnswer>(saslAuthenticate.async(connection, message))
    if (answer.errorCode !== 0) throw refusedUser(sasl, server, answer.errorMessage)
    lifetimeMs = answer.sessionLifetimeMs
    return answer.authBytes
  })
  return Number(lifetimeMs)
}

/**
 * A broker ended a connection without a user at the first question: does it want one? Asked on a connection of its own.
 * @returns why; null: it does not.
 */
export async function whyEnded(connection: Connection, server: string): Promise<Fault | null> {
  const { errorCode, mechanisms } = await handshake(connection, 'PLAIN')
  return kafkaErrorName(errorCode) === 'ILLEGAL_SASL_STATE' ? null : missingSasl(server, mechanisms ?? [])
}

function handshake(connection: Connection, mechanism: string): Promise<HandshakeAnswer> {
  return errorsInside<HandshakeAnswer>(saslHandshake.async(connection, mechanism))
}
