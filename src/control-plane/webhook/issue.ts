import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { Clock } from '../../core/clock.ts'

const hour = 3_600_000
const day = 24 * hour

/** How long a serving certificate is good for, milliseconds. */
export const servingLifeMs = 90 * day
/** The authority signs one certificate, and must never be what expires first. */
const authorityLifeMs = 3652 * day
/** Clocks of API servers may be behind ours. */
const skewMs = hour

/** A certificate with its private key, PEM (PKCS #8). */
export interface ServingCertificate {
  readonly cert: string
  readonly key: string
}

/** A serving certificate, and whom to trust to believe it. */
export interface Issued {
  readonly ca: string
  readonly serving: ServingCertificate
}

/**
 * Makes an authority (P-256, 10 years) and a serving certificate (P-256, 90 days) that it signs for `names`: DNS names and IP addresses. The
 * authority's private key is forgotten at once: nobody can sign anything else with it.
 */
export async function issue(names: readonly string[], clock: Clock): Promise<Issued> {
  await import('./reflect.ts')
  // Costs 20 MB and is needed once in 60 days.
  const x509 = await import('@peculiar/x509')
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
    webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const [authorityKeys, servingKeys] = await Promise.all([newKeys(), newKeys()])
  const now = clock.now()
  const from = new Date(now - skewMs)
  const { keyCertSign, digitalSignature } = x509.KeyUsageFlags
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    // Two authorities in one bundle are told apart by their names.
    name: `CN=millrace-webhook-ca-${randomBytes(4).toString('hex')}`,
    serialNumber: serial(),
    notBefore: from,
    notAfter: new Date(now + authorityLifeMs),
    signingAlgorithm,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const serving = await x509.X509CertificateGenerator.create({
    subject: 'CN=millrace-webhook',
    issuer: authority.subject,
    serialNumber: serial(),
    notBefore: from,
    notAfter: new Date(now + servingLifeMs),
    signingAlgorithm,
    publicKey: servingKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', servingKeys.privateKey)
  return {
    ca: pem(authority.toString('pem')),
    serving: { cert: pem(serving.toString('pem')), key: pem(x509.PemConverter.encode(key, 'PRIVATE KEY')) },
  }
}

function pem(text: string): string {
  return `${text.trim()}\n`
}

/** Positive, 16 bytes. */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
