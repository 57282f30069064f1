import { didYouMean } from '../core/edit-distance.ts'
import { builtOf, text, type Field, type Given, type ReadCredential, type SecretReason } from './kafka-credential.ts'
import type { KafkaNet, SecretValue } from './kafka-net.ts'

/**
 * The forms in which users keep what signs in to Kafka: those of Knative.
 *
 *     Secret with `protocol`        Brokers (Strimzi's users too, as far as these keys are there)
 *     Secret without `protocol`     as KafkaChannels had it: the protocol is guessed
 *     spec.net of a KafkaSource     each value in a Secret of its own choice
 *
 * No sentence ever holds a value that is secret.
 */

/** `data` of a Secret: base64. */
export type SecretData = Readonly<Record<string, string>>

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** A Secret as a Broker names it. `now`: whether certificates are valid. Pure. */
export function readKafkaSecret(data: SecretData, now: Date): ReadCredential {
  const field = (key: string): Field => ({ label: `key ${key}`, bytes: bytesOf(data, key) })
  const protocol = text(field('protocol'))
  if (protocol === undefined || protocol === '') return readUnnamedProtocol(data, field, now)
  if (!protocols.includes(protocol)) {
    const near = protocol.length > 40 ? null : didYouMean(protocol, protocols)
    const hint = near === null ? '' : `; did you mean ${near}?`
    return faulty(`key protocol must be one of ${protocols.join(', ')}, not ${JSON.stringify(shown(protocol))}${hint}`)
  }
  const sasl = protocol.startsWith('SASL_')
  return builtOf(
    {
      ...(sasl ? { sasl: saslOf(data, field) } : {}),
      ...(protocol.endsWith('SSL') ? { tls: tlsOf(field, protocol === 'SSL') } : {}),
    },
    now,
  )
}

function saslOf(data: SecretData, field: (key: string) => Field): NonNullable<Given['sasl']> {
  const user = 'user' in data || !('username' in data) ? field('user') : field('username')
  return { mechanism: field('sasl.mechanism'), user, password: field('password') }
}

/** `mutual`: with protocol SSL a client certificate is the only way to sign in, so it is missed unless `user.skip` says that none is wanted. */
function tlsOf(field: (key: string) => Field, mutual: boolean): NonNullable<Given['tls']> {
  const skip = text(field('user.skip'))
  return {
    ca: field('ca.crt'),
    certificate: field('user.crt'),
    key: field('user.key'),
    skip: skip?.toLowerCase() === 'true',
    needed: mutual
      ? 'with protocol SSL one signs in with a certificate: add user.crt and user.key, or user.skip=true where Kafka asks for none'
      : undefined,
  }
}

/** As KafkaChannels had it: `tls.enabled`, `saslType`. A Secret that has none of this, as Strimzi makes them, lacks its protocol. */
function readUnnamedProtocol(data: SecretData, field: (key: string) => Field, now: Date): ReadCredential {
  const mechanism = ['saslType', 'sasltype', 'sasl.mechanism'].find((key) => key in data)
  const tlsEnabled = text(field('tls.enabled'))?.toLowerCase()
  if (mechanism === undefined && tlsEnabled === undefined) return faulty(protocolAdvice(data), 'SecretKeyMissing')
  const withUser = mechanism !== undefined || 'user' in data || 'username' in data
  const withTls = tlsEnabled === 'true' || (tlsEnabled === undefined && 'ca.crt' in data)
  return builtOf(
    {
      ...(withUser ? { sasl: { ...saslOf(data, field), mechanism: field(mechanism ?? 'saslType') } } : {}),
      ...(withTls ? { tls: { ...tlsOf(field, false), skip: !('user.crt' in data) && !('user.key' in data) } } : {}),
    },
    now,
  )
}

function protocolAdvice(data: SecretData): string {
  const base = `key protocol is missing: add it, one of ${protocols.join(', ')}`
  if ('sasl.jaas.config' in data)
    return `${base}. This looks like the Secret of a KafkaUser with a password: make one beside it with protocol=SASL_SSL (or SASL_PLAINTEXT), sasl.mechanism=SCRAM-SHA-512, user (the name of the KafkaUser), password and, for SASL_SSL, ca.crt of the cluster`
  if ('user.p12' in data)
    return `${base}. This looks like the Secret of a KafkaUser with a certificate: make one beside it with protocol=SSL, user.crt, user.key, and ca.crt of the cluster's own Secret <cluster>-cluster-ca-cert, for its ca.crt is the authority of clients`
  return base
}

/** The Secrets that `spec.net` names, each once; of what is not enabled none. */
export function secretsOfNet({ sasl, tls }: KafkaNet): readonly string[] {
  const values = [
    ...(sasl?.enable === true ? [sasl.user, sasl.password, sasl.type] : []),
    ...(tls?.enable === true ? [tls.caCert, tls.cert, tls.key] : []),
  ]
  return [...new Set(values.flatMap((value) => value?.secretKeyRef?.name ?? []))]
}

/** `spec.net` of a KafkaSource. `data`: of a Secret by its name. Pure. */
export function readKafkaNet({ sasl, tls }: KafkaNet, data: (secret: string) => SecretData, now: Date): ReadCredential {
  const field = (path: string, value: SecretValue | undefined): Field => {
    const ref = value?.secretKeyRef
    if (ref === undefined) return { label: `spec.net.${path}.secretKeyRef`, bytes: undefined }
    return {
      label: `key ${ref.key} of Secret ${ref.name} (spec.net.${path})`,
      bytes: bytesOf(data(ref.name), ref.key),
      named: true,
    }
  }
  const withSasl = sasl?.enable === true
  return builtOf(
    {
      ...(withSasl
        ? {
            sasl: {
              mechanism: field('sasl.type', sasl.type),
              user: field('sasl.user', sasl.user),
              password: field('sasl.password', sasl.password),
            },
          }
        : {}),
      ...(tls?.enable === true
        ? {
            tls: {
              ca: field('tls.caCert', tls.caCert),
              certificate: field('tls.cert', tls.cert),
              key: field('tls.key', tls.key),
              skip: false,
              needed: undefined,
            },
          }
        : {}),
    },
    now,
  )
}

function bytesOf(data: SecretData, key: string): Uint8Array | undefined {
  const value = data[key]
  return value === undefined ? undefined : Buffer.from(value, 'base64')
}

function faulty(problem: string, reason: SecretReason = 'SecretInvalid'): ReadCredential {
  return { kind: 'faulty', reason, problems: [problem] }
}

/** Whoever puts a password where a protocol belongs must not read it in a message. */
function shown(value: string): string {
  return /^[A-Za-z_ -]{1,20}$/.test(value) ? value : '...'
}
