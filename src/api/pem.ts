import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

/** A certificate, a chain of them or a key that was looked at; or a sentence that says what is wrong, without what it is. */
export type Read<T> = { readonly value: T; readonly problem?: never } | { readonly problem: string }

const certificateBegins = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----/g
const anyBlock = /-----BEGIN ([A-Z0-9 ]+)-----/

/** All certificates of a PEM text, in order; whatever else stands between them is left out, as OpenSSL does. */
export function readCertificates(pem: string): Read<readonly X509Certificate[]> {
  const blocks = certificateBlocks(pem)
  if (blocks.length === 0) return { problem: `holds no certificate in PEM form${foundInstead(pem)}` }
  const certificates: X509Certificate[] = []
  for (const [i, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block))
    } catch {
      const which = blocks.length === 1 ? '' : `: certificate ${i + 1} of ${blocks.length}`
      return { problem: `holds a certificate that cannot be read${which}; copy it again, with all its lines` }
    }
  }
  return { value: certificates }
}

/** Looks at each character a few times only, whatever the text is: users write it, and it may be a megabyte. */
function certificateBlocks(pem: string): readonly string[] {
  const blocks: string[] = []
  const endless = new Set<string>()
  let after = 0
  for (const { index, 1: kind = '' } of pem.matchAll(certificateBegins)) {
    if (index < after || endless.has(kind)) continue
    const end = `-----END ${kind}-----`
    const at = pem.indexOf(end, index)
    if (at < 0) endless.add(kind)
    else blocks.push(pem.slice(index, (after = at + end.length)))
  }
  return blocks
}

/** A private key: PKCS#8, PKCS#1 or SEC1. */
export function readPrivateKey(pem: string): Read<KeyObject> {
  const kind = anyBlock.exec(pem.replaceAll(/-----BEGIN EC PARAMETERS-----/g, ''))?.[1]
  if (kind === undefined || !kind.endsWith('PRIVATE KEY'))
    return { problem: `holds no private key in PEM form${foundInstead(pem)}` }
  if (kind === 'ENCRYPTED PRIVATE KEY' || pem.includes('Proc-Type: 4,ENCRYPTED'))
    return {
      problem: 'is encrypted, and nobody is there to type its passphrase; store it decrypted: openssl pkey -in FILE',
    }
  if (kind === 'OPENSSH PRIVATE KEY')
    return { problem: 'is a key in the form of OpenSSH; convert it: ssh-keygen -p -m PKCS8 -f FILE' }
  try {
    return { value: createPrivateKey(pem) }
  } catch {
    return { problem: 'holds a key that cannot be read; copy it again, with all its lines' }
  }
}

/** When it may be used; null: now. */
export function outOfTime({ validFrom, validTo }: X509Certificate, now: Date): string | null {
  const from = new Date(validFrom)
  const to = new Date(validTo)
  if (now > to) return `expired at ${to.toISOString()}`
  return now < from ? `is not valid before ${from.toISOString()}` : null
}

/** What people put there by mistake. */
function foundInstead(pem: string): string {
  if (pem.trim() === '') return ', it is empty'
  const kind = anyBlock.exec(pem)?.[1]
  if (kind !== undefined) return `, but a ${kind}`
  if (/^[A-Za-z0-9+/=\s]{40,}$/.test(pem))
    return '; it looks like base64 of something: in data of a Secret it is to be encoded once'
  return ''
}
