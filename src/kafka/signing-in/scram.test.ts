import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ScramExchange, scramHashes, ScramViolation, type ScramHash } from './scram.ts'

const sha1: ScramHash = { name: 'sha1', bytes: 20 }

it('says what the example of RFC 5802, section 5, says', async () => {
  const scram = new ScramExchange(sha1, 'user', 'pencil', 'fyko+d2lbbFgONRv9qkxdawL')
  expect(scram.first()).toBe('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL')
  const answer = await scram.answer('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096')
  expect(answer).toBe('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=')
  scram.check('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=')
})

it('says what the example of RFC 7677, section 3, says', async () => {
  const scram = new ScramExchange(scramHashes['SCRAM-SHA-256'], 'user', 'pencil', 'rOprNGfwEbeRWgbNEkqO')
  expect(scram.first()).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  const answer = await scram.answer(
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  )
  expect(answer).toBe(
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  scram.check('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

describe.each(Object.entries(scramHashes))('%s', (_, hash) => {
  it('signs in at a server that knows the password, and no other believes it', async () => {
    for (const password of ['secret', 'ª\u00adＡ geheim', '', 'a,b=c']) {
      const scram = new ScramExchange(hash, 'a,b=c', password)
      const server = new Server(hash, password)
      const final = server.final(await scram.answer(server.first(scram.first())), scram.first())
      scram.check(final)
      expect(final).toMatch(/^v=/)
      const wrong = new ScramExchange(hash, 'a,b=c', `${password}x`)
      expect(server.final(await wrong.answer(server.first(wrong.first())), wrong.first())).toBe('e=invalid-proof')
    }
  })
})

it('says a user name with commas and equals signs so that it does not end there', () => {
  expect(new ScramExchange(sha1, 'a,b=c,', 'x', 'n').first()).toBe('n,,n=a=2Cb=3Dc=2C,r=n')
})

it('takes another nonce each time, of characters that need no care', () => {
  const nonces = Array.from({ length: 50 }, () => new ScramExchange(sha1, 'u', 'p').first().split('r=')[1] ?? '')
  expect(new Set(nonces).size).toBe(50)
  for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9_-]{32}$/)
})

it.each([
  ['a nonce that is not ours', 'r=other123,s=QSXCR+Q6sek8bf92,i=4096', /nonce/],
  ['a nonce to which it added nothing', 'r=mine,s=QSXCR+Q6sek8bf92,i=4096', /nonce/],
  ['no nonce', 's=QSXCR+Q6sek8bf92,i=4096', /nonce/],
  ['no salt', 'r=mine1,i=4096', /salt/],
  ['an empty salt', 'r=mine1,s=,i=4096', /salt/],
  ['a salt that is no base64', 'r=mine1,s=%%%%,i=4096', /salt/],
  ['a salt of 2 KiB', `r=mine1,s=${Buffer.alloc(2048).toString('base64')},i=4096`, /salt/],
  ['too few iterations', 'r=mine1,s=QSXCR+Q6sek8bf92,i=4095', /4095 iterations/],
  ['so many that we would compute for minutes', 'r=mine1,s=QSXCR+Q6sek8bf92,i=2000000000', /2000000000 iterations/],
  ['iterations that are no number', 'r=mine1,s=QSXCR+Q6sek8bf92,i=4096x', /iterations/],
  ['an extension that must be understood', 'm=x,r=mine1,s=QSXCR+Q6sek8bf92,i=4096', /extension/],
  ['something else', 'hello', /nonce/],
  ['nothing', '', /nonce/],
])('answers nothing to a server that sends %s', async (_, first, why) => {
  const scram = new ScramExchange(sha1, 'user', 'pencil', 'mine')
  const answered = scram.answer(first)
  await expect(answered).rejects.toThrow(ScramViolation)
  await expect(answered).rejects.toThrow(why)
})

it.each([
  ['of another password', 'v=AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
  ['that is too short', 'v=rmF9'],
  ['that is missing', ''],
  ['that is no base64', 'v=!'],
])('believes no server with a signature %s', async (_, final) => {
  const scram = new ScramExchange(sha1, 'user', 'pencil', 'mine')
  await scram.answer('r=mine1,s=QSXCR+Q6sek8bf92,i=4096')
  expect(() => scram.check(final)).toThrow(/did not prove/)
})

it('believes no server that did not ask first, and tells why one refuses', () => {
  const scram = new ScramExchange(sha1, 'user', 'pencil', 'mine')
  expect(() => scram.check('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=')).toThrow(/did not prove/)
  expect(() => scram.check('e=unknown-user')).toThrow(/unknown-user/)
})

/** The other side, by the formulas of RFC 5802, section 3. */
class Server {
  readonly #hash: ScramHash
  readonly #salted: Buffer
  readonly #salt = Buffer.from('salt of this server')
  #first = ''

  constructor(hash: ScramHash, password: string) {
    this.#hash = hash
    this.#salted = pbkdf2Sync(password, this.#salt, 4096, hash.bytes, hash.name)
  }

  first(clientFirst: string): string {
    this.#first = `r=${clientFirst.split('r=')[1]}server,s=${this.#salt.toString('base64')},i=4096`
    return this.#first
  }

  final(clientFinal: string, clientFirst: string): string {
    const [withoutProof = '', proof = ''] = clientFinal.split(',p=')
    const said = [clientFirst.slice('n,,'.length), this.#first, withoutProof].join(',')
    const storedKey = createHash(this.#hash.name).update(this.#hmac(this.#salted, 'Client Key')).digest()
    const signature = this.#hmac(storedKey, said)
    const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (signature[i] ?? 0))
    if (!createHash(this.#hash.name).update(clientKey).digest().equals(storedKey)) return 'e=invalid-proof'
    return `v=${this.#hmac(this.#hmac(this.#salted, 'Server Key'), said).toString('base64')}`
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash.name, key).update(text).digest()
  }
}
