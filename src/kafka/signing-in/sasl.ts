import { Fault } from '../../core/fault.ts'
import type { KafkaSecurity } from '../security.ts'
import { ScramExchange, scramHashes, ScramViolation } from './scram.ts'

/** How to sign in by SASL. */
export type Sasl = NonNullable<KafkaSecurity['sasl']>

/** Hands the server a message and gives its answer. */
export type SaslExchange = (message: Buffer) => Promise<Buffer>

/**
 * Plays our part of the mechanism, whatever carries the messages: so both clients sign in by the same code.
 * @param server `host:port`, for people.
 * @throws Fault AuthenticationFailed when the server's messages are not to be trusted, or the user cannot be said; whatever `exchange` throws.
 */
export async function playMechanism(sasl: Sasl, server: string, exchange: SaslExchange): Promise<void> {
  if (sasl.mechanism === 'PLAIN') {
    await exchange(plainMessage(sasl, server))
    return
  }
  const scram = new ScramExchange(scramHashes[sasl.mechanism], sasl.username, sasl.password)
  try {
    const serverFirst = await exchange(Buffer.from(scram.first()))
    const serverFinal = await exchange(Buffer.from(await scram.answer(serverFirst.toString())))
    scram.check(serverFinal.toString())
  } catch (error) {
    if (!(error instanceof ScramViolation)) throw error
    throw new Fault('AuthenticationFailed', `Kafka at ${server} plays ${sasl.mechanism} wrongly: ${error.message}.`)
  }
}

/** RFC 4616: authorization id (none), user, password. */
function plainMessage({ username, password }: Sasl, server: string): Buffer {
  if (username.includes('\0') || password.includes('\0')) {
    throw new Fault('AuthenticationFailed', `signing in at ${server} by PLAIN: user and password must not contain NUL.`)
  }
  return Buffer.from(`\0${username}\0${password}`)
}

/** The server does not take user or password. @param said what it told of it. */
export function refusedUser({ mechanism, username, password }: Sasl, server: string, said?: string | null): Fault {
  // a server that was told the password might tell it on
  const why = said && !said.includes(password) ? ` (${brief(said)})` : ''
  const advice = `check user and password, and that this user may sign in by ${mechanism}`
  return new Fault(
    'AuthenticationFailed',
    `Kafka at ${server} does not accept user ${username} by ${mechanism}: ${advice}${why}.`,
  )
}

/** The server does not offer the mechanism. @param enabled what it offers. */
export function refusedMechanism({ mechanism }: Sasl, server: string, enabled: readonly string[]): Fault {
  const offer = enabled.length === 0 ? 'it does not say what it offers' : `it offers ${brief(enabled.join(', '))}`
  return new Fault('AuthenticationFailed', `Kafka at ${server} does not offer SASL ${mechanism}: ${offer}.`)
}

/** The server has no users on this port. */
export function needlessSasl({ mechanism }: Sasl, server: string): Fault {
  const advice = 'use the protocol without SASL there (PLAINTEXT or SSL), or the port of its SASL listener'
  return new Fault(
    'AuthenticationFailed',
    `Kafka at ${server} takes no SASL on this port, so not ${mechanism} either: ${advice}.`,
  )
}

/** The server wants a user, and we have none. */
export function missingSasl(server: string, enabled: readonly string[]): Fault {
  const offer = enabled.length === 0 ? '' : `: ${brief(enabled.join(', '))}`
  return new Fault('AuthenticationFailed', `Kafka at ${server} asks for a user (SASL${offer}), and none is configured.`)
}

/** Words of a server, which may be anybody, as a message bears them: a line of moderate length. */
function brief(text: string): string {
  const line = text.slice(0, 300).replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
  return text.length > 300 ? `${line}…` : line
}
