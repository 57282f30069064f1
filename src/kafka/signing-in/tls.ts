import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Fault } from '../../core/fault.ts'
import type { KafkaSecurity } from '../security.ts'

/** How to speak TLS. */
export type Tls = NonNullable<KafkaSecurity['tls']>

/**
 * Options for `tls.connect`. The server's certificate must be for `host`, be it a name or an address (SNI has names only: RFC 6066).
 * Own authorities replace those of the system.
 * @throws Fault TlsFailed for what cannot be read, or does not belong together.
 */
export function tlsOptions({ ca, certificate, key }: Tls, host: string): ConnectionOptions {
  checkOurs(certificate, key)
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw unusable('the authorities to trust cannot be read: there is no certificate in PEM')
  }
  return {
    minVersion: 'TLSv1.2',
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate, key }),
  }
}

/** OpenSSL would leave out a certificate without its key, and the server say that there is none. */
function checkOurs(certificate: string | undefined, key: string | undefined): void {
  if (certificate === undefined && key === undefined) return
  if (key === undefined) throw unusable('there is a client certificate without its key: both or none are needed')
  if (certificate === undefined)
    throw unusable('there is a client key without its certificate: both or none are needed')
  let ours: X509Certificate
  try {
    ours = new X509Certificate(certificate)
  } catch {
    throw unusable('our client certificate cannot be read: it is no certificate in PEM')
  }
  if (!ours.checkPrivateKey(privateKey(key))) throw unusable('our client certificate and key do not belong together')
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    const isEncrypted = (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE' || pem.includes('ENCRYPTED')
    if (isEncrypted) throw unusable('the key of our client certificate is encrypted: give it without a passphrase')
    throw unusable('the key of our client certificate cannot be read: it is no key in PEM (PKCS#1, PKCS#8 or SEC1)')
  }
}

function unusable(why: string): Fault {
  return new Fault('TlsFailed', `TLS with Kafka: ${why}.`)
}

/** Verdicts of OpenSSL on the server's certificate (X509_V_ERR_…, as Node names them). */
const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
])
/** Alerts of the server about our certificate (RFC 8446, 6.2), as Node names them, or that there is none. */
const OURS = /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE)/
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD_TOO|UNEXPECTED_MESSAGE|HTTP_REQUEST|UNKNOWN_PROTOCOL/

/**
 * What an error of a connection that was to be TLS says, as a fault; null: TLS has no part in it.
 * @param server `host:port`, for people.
 */
export function tlsFault(error: unknown, server: string, tls: Tls): Fault | null {
  if (!(error instanceof Error)) return null
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const why = reasonOf(code, error.message, tls)
  return why === null ? null : new Fault('TlsFailed', `TLS with Kafka at ${server}: ${why}.`, { cause: error })
}

function reasonOf(code: string, message: string, tls: Tls): string | null {
  if (UNTRUSTED.has(code)) {
    return tls.ca === undefined
      ? `its certificate is signed by none of the system's authorities (${code}); give the certificate of the authority that signed it`
      : `its certificate is not signed by an authority that was given (${code})`
  }
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate, or one of its authorities, has expired; it must be renewed'
  if (code === 'CERT_NOT_YET_VALID') return 'its certificate is not valid yet; is a clock wrong?'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name (${message.slice(0, 300)}); use a name that the certificate has, or renew it with this one`
  }
  if (OURS.test(code)) return clientCertificate(code, tls)
  if (code.includes('PROTOCOL_VERSION') || code.includes('UNSUPPORTED_PROTOCOL'))
    return 'it does not speak TLS 1.2 or newer'
  if (NO_TLS.test(code))
    return 'it speaks no TLS on this port; use the protocol without SSL there, or the port of its TLS listener'
  if (code === 'ECONNRESET' && message.includes('before secure TLS')) {
    return 'it ended the connection before TLS was agreed: maybe it speaks no TLS on this port, or asks for a client certificate'
  }
  return /^ERR_(?:SSL|TLS|OSSL)_/.test(code) ? `${message} (${code})` : null
}

function clientCertificate(code: string, { certificate }: Tls): string {
  const alert = code
    .slice(code.indexOf('ALERT_') + 'ALERT_'.length)
    .toLowerCase()
    .replaceAll('_', ' ')
  if (certificate === undefined) return `it asks for a client certificate (${alert}); give one with its key`
  return `it does not accept our client certificate (${alert}); it must be valid and signed by an authority that the server trusts`
}
