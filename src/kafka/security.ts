/**
 * How to sign in to a Kafka cluster, in one value for both client libraries.
 *
 *     neither → PLAINTEXT    tls → SSL    sasl → SASL_PLAINTEXT    both → SASL_SSL
 */
export interface KafkaSecurity {
  /** Present: TLS 1.2 or newer; the name of the server is checked. */
  readonly tls?:
    | {
        /** Authorities to trust, PEM; absent: those of the system. */
        readonly ca?: string | undefined
        /** Our certificate and its key, PEM (PKCS#1, PKCS#8 or SEC1); both or none. */
        readonly certificate?: string | undefined
        readonly key?: string | undefined
      }
    | undefined
  readonly sasl?:
    | {
        readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
        readonly username: string
        readonly password: string
      }
    | undefined
}

/** Port: what to sign in with. It may come late and may change while connections are open. */
export interface SecuritySource {
  /** What holds now; asked for with each new connection. @throws Fault CredentialNotFound while there is none. */
  current(): KafkaSecurity
  /** Calls `listener` after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}
