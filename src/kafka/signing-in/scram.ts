import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** The hash of a SCRAM mechanism. */
export interface ScramHash {
  readonly name: string
  readonly bytes: number
}

export const scramHashes = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
} as const satisfies Record<string, ScramHash>

/** What the server said is no SCRAM, or shows that it does not know the password. */
export class ScramViolation extends Error {
  override readonly name = 'ScramViolation'
}

/** RFC 5802 asks for no less. */
const LEAST_ITERATIONS = 4096
/** A server, or who passes for it, must not have us compute for long: this takes about a second of one core. */
const MOST_ITERATIONS = 1_000_000
const MOST_SALT_BYTES = 1024
const NO_CHANNEL_BINDING = 'n,,'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const derive = promisify(pbkdf2)

/**
 * One sign-in by SCRAM (RFC 5802, RFC 7677), client side, without channel binding. The password never leaves it, and the server has to prove
 * that it knows it too.
 *
 *     first() ─► n=user,r=nonce
 *                                  r=nonce…,s=salt,i=iterations ─► answer() ─► c=…,r=nonce…,p=proof
 *                                                                              v=signature ─► check()
 *
 * User and password go as UTF-8, without SASLprep: so do Kafka (`ScramFormatter.normalize`), its tools and the Java client, and what they do
 * counts: a password that SASLprep would change could not sign in otherwise.
 */
export class ScramExchange {
  readonly #hash: ScramHash
  readonly #password: string
  readonly #nonce: string
  readonly #firstBare: string
  #signature: Buffer | null = null

  /** @param nonce for tests; random by default. */
  constructor(hash: ScramHash, username: string, password: string, nonce = randomBytes(24).toString('base64url')) {
    this.#hash = hash
    this.#password = password
    this.#nonce = nonce
    this.#firstBare = `n=${escapeName(username)},r=${nonce}`
  }

  /** The first message of the client. */
  first(): string {
    return `${NO_CHANNEL_BINDING}${this.#firstBare}`
  }

  /** The last message of the client, to the first one of the server. @throws ScramViolation */
  async answer(serverFirst: string): Promise<string> {
    const { nonce, salt, iterations } = this.#parseFirst(serverFirst)
    const { name, bytes } = this.#hash
    const salted = await derive(this.#password, salt, iterations, bytes, name)
    const clientKey = this.#hmac(salted, 'Client Key')
    const withoutProof = `c=${Buffer.from(NO_CHANNEL_BINDING).toString('base64')},r=${nonce}`
    const said = `${this.#firstBare},${serverFirst},${withoutProof}`
    const storedKey = createHash(name).update(clientKey).digest()
    const proof = xor(clientKey, this.#hmac(storedKey, said))
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), said)
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  /** The last message of the server. @throws ScramViolation when it refuses us, or has not proved that it knows the password. */
  check(serverFinal: string): void {
    const said = attributes(serverFinal)
    const refusal = said.get('e')
    if (refusal !== undefined) throw new ScramViolation(`it answered ${refusal.slice(0, 100)}`)
    const signature = base64(said.get('v'))
    const expected = this.#signature
    if (expected === null || signature?.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new ScramViolation(
        'it did not prove that it knows the password, so it may not be the server it claims to be',
      )
    }
  }

  #parseFirst(text: string): { nonce: string; salt: Buffer; iterations: number } {
    const said = attributes(text)
    // an extension that we must understand
    if (text.startsWith('m=')) throw new ScramViolation('it asks for an extension of SCRAM')
    const nonce = said.get('r') ?? ''
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ScramViolation('its nonce does not go on from ours')
    }
    const salt = base64(said.get('s'))
    if (salt === null || salt.length === 0 || salt.length > MOST_SALT_BYTES)
      throw new ScramViolation('it sent no proper salt')
    const iterations = /^[1-9]\d{0,9}$/.test(said.get('i') ?? '') ? Number(said.get('i')) : 0
    if (iterations < LEAST_ITERATIONS || iterations > MOST_ITERATIONS) {
      throw new ScramViolation(
        `it asks for ${said.get('i')?.slice(0, 10)} iterations, not ${LEAST_ITERATIONS} to ${MOST_ITERATIONS}`,
      )
    }
    return { nonce, salt, iterations }
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash.name, key).update(text).digest()
  }
}

/** `a=b,c=d` by letter; the first of each counts. */
function attributes(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const part of text.split(',')) {
    if (part[1] === '=' && !found.has(part.charAt(0))) found.set(part.charAt(0), part.slice(2))
  }
  return found
}

/** null: it is no base64. */
function base64(text: string | undefined): Buffer | null {
  return text === undefined || !BASE64.test(text) ? null : Buffer.from(text, 'base64')
}

/** RFC 5802, 5.1: a comma or an equals sign would end the name. */
function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)))
}
