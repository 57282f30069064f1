import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import type { KafkaSecurity } from './security.ts'
import { playMechanism, type Sasl } from './signing-in/sasl.ts'
import { tlsOptions } from './signing-in/tls.ts'

/** What kafkajs asks a socket for. */
interface SocketWanted {
  readonly host: string
  readonly port: number
  readonly onConnect: () => void
}

/** What kafkajs gives to who signs in. */
interface SignInAt {
  readonly host: string
  readonly port: number
  readonly saslAuthenticate: (step: {
    request: { encode(): Promise<Buffer> }
    response: { decode(raw: Buffer): Buffer; parse(message: Buffer): Buffer }
  }) => Promise<unknown>
}

const KEEP_ALIVE_MS = 60_000

/** A TLS connection as {@link tlsOptions} wants it, for kafkajs. */
export function openTlsSocket(tls: NonNullable<KafkaSecurity['tls']>, { host, port, onConnect }: SocketWanted): Socket {
  return connect({ host, port, ...tlsOptions(tls, host) }, onConnect).setKeepAlive(true, KEEP_ALIVE_MS)
}

/** Signs in by our code instead of that of kafkajs: a message goes with its length in front, and comes so. */
export function kafkaJsMechanism(sasl: Sasl): {
  mechanism: string
  authenticationProvider: (at: SignInAt) => { authenticate(): Promise<void> }
} {
  return {
    mechanism: sasl.mechanism,
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      authenticate: () =>
        playMechanism(sasl, `${host}:${port}`, async (message) => {
          const response = { decode: (raw: Buffer) => raw.subarray(4), parse: (answer: Buffer) => answer }
          return (await saslAuthenticate({ request: { encode: async () => withLength(message) }, response })) as Buffer
        }),
    }),
  }
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(message.length)
  return Buffer.concat([length, message])
}
