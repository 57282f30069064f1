import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto'

/** A certificate that signed itself, and its key in the forms that there are; PEM. */
export interface Made {
  readonly cert: string
  readonly pkcs8: string
  /** Of an RSA key. */
  readonly pkcs1: string
  /** Of an EC key. */
  readonly sec1: string
}

/** Good from one day before `now` until one day after it, unless `from` and `to` say otherwise. */
export async function makeCertificate(
  name: string,
  { now, type = 'ec', from, to }: { now: Date; type?: 'ec' | 'rsa'; from?: Date; to?: Date },
): Promise<Made> {
  const day = 86_400_000
  const { privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const algorithm =
    type === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
  await import('../../src/control-plane/webhook/reflect.ts')
  const x509 = await import('@peculiar/x509')
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${name}`, signingAlgorithm: algorithm, keys, serialNumber: '01' },
    notBefore: from ?? new Date(+now - day),
    notAfter: to ?? new Date(+now + day),
  })
  const pem = (form: 'pkcs8' | 'pkcs1' | 'sec1'): string => String(key.export({ format: 'pem', type: form }))
  return {
    cert: certificate.toString('pem'),
    pkcs8: pem('pkcs8'),
    pkcs1: type === 'rsa' ? pem('pkcs1') : '',
    sec1: type === 'ec' ? pem('sec1') : '',
  }
}
