import { createPrivateKey } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate, type Made } from '../../test/support/certificates.ts'
import { readKafkaNet, readKafkaSecret, secretsOfNet } from './kafka-secret.ts'
import type { ReadCredential } from './kafka-credential.ts'
import { readCertificates } from './pem.ts'

const day = 86_400_000
const now = new Date('2026-06-01T00:00:00Z')
const secret = (values: Record<string, string | Uint8Array>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
const read = (values: Record<string, string | Uint8Array>): ReadCredential => readKafkaSecret(secret(values), now)

const make = (name: string, from?: Date, to?: Date): Promise<Made> =>
  makeCertificate(name, { now, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) })

let ca: Made
let client: Made
let other: Made
let expired: Made
let future: Made
let rsa: Made

beforeAll(async () => {
  ;[ca, client, other] = await Promise.all([make('ca'), make('client'), make('other')])
  expired = await make('expired', new Date(+now - 2 * day), new Date(+now - day))
  future = await make('future', new Date(+now + day), new Date(+now + 2 * day))
  rsa = await makeCertificate('rsa', { now, type: 'rsa' })
})

const user = { user: 'ann', password: 'p4ss' }
const plain = { mechanism: 'PLAIN', username: 'ann', password: 'p4ss' }

describe('a Secret as Brokers name it', () => {
  it.each<[string, () => Record<string, string>, object]>([
    [
      'PLAINTEXT signs in with nothing, whatever else is there',
      () => ({ protocol: 'PLAINTEXT', ...user }),
      { kind: 'none' },
    ],
    [
      'SASL_PLAINTEXT: PLAIN where no mechanism is named',
      () => ({ protocol: 'SASL_PLAINTEXT', ...user }),
      { sasl: plain },
    ],
    [
      'a line break at the end, as of `echo`, is none of it',
      () => ({ protocol: 'SASL_PLAINTEXT\n', 'sasl.mechanism': 'PLAIN\n', user: 'ann\n', password: 'p4ss\r\n' }),
      { sasl: plain },
    ],
    [
      'blanks around a password are of it',
      () => ({ protocol: 'SASL_PLAINTEXT', user: 'ann', password: ' p4ss ' }),
      { sasl: { ...plain, password: ' p4ss ' } },
    ],
    [
      'SCRAM-SHA-256',
      () => ({ protocol: 'SASL_PLAINTEXT', 'sasl.mechanism': 'SCRAM-SHA-256', ...user }),
      { sasl: { ...plain, mechanism: 'SCRAM-SHA-256' } },
    ],
    [
      'SASL_SSL with an authority of its own',
      () => ({ protocol: 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512', ...user, 'ca.crt': ca.cert }),
      { sasl: { ...plain, mechanism: 'SCRAM-SHA-512' }, tls: { ca: () => ca.cert } },
    ],
    [
      'SASL_SSL with the authorities of the system',
      () => ({ protocol: 'SASL_SSL', ...user }),
      { sasl: plain, tls: {} },
    ],
    [
      'SSL with a client certificate, PKCS#8',
      () => ({ protocol: 'SSL', 'ca.crt': ca.cert, 'user.crt': client.cert, 'user.key': client.pkcs8 }),
      { tls: { ca: () => ca.cert, certificate: () => client.cert, key: () => client.pkcs8 } },
    ],
    [
      'SEC1',
      () => ({ protocol: 'SSL', 'user.crt': client.cert, 'user.key': client.sec1 }),
      { tls: { certificate: () => client.cert, key: () => client.sec1 } },
    ],
    [
      'PKCS#1',
      () => ({ protocol: 'SSL', 'user.crt': rsa.cert, 'user.key': rsa.pkcs1 }),
      { tls: { certificate: () => rsa.cert, key: () => rsa.pkcs1 } },
    ],
    [
      'SEC1 with parameters before it, as openssl writes it',
      () => ({
        ...{ protocol: 'SSL', 'user.crt': client.cert },
        'user.key': `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${client.sec1}`,
      }),
      { tls: { certificate: () => client.cert } },
    ],
    [
      'a chain, the certificate of the client first',
      () => ({ protocol: 'SSL', 'user.crt': `${client.cert}\n${ca.cert}`, 'user.key': client.pkcs8 }),
      { tls: { certificate: () => `${client.cert}\n${ca.cert}` } },
    ],
    [
      'user.skip: no client certificate, also where there is one',
      () => ({ protocol: 'SSL', 'user.skip': 'true', 'user.crt': client.cert, 'user.key': client.pkcs8 }),
      { tls: {} },
    ],
    [
      'an authority that expired does no harm beside one that did not',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': `${expired.cert}\nsome words\n${ca.cert}` }),
      { sasl: plain, tls: {} },
    ],
    [
      'the old form: by its keys',
      () => ({
        'tls.enabled': 'true',
        saslType: 'SCRAM-SHA-512',
        username: 'ann',
        password: 'p4ss',
        'ca.crt': ca.cert,
      }),
      { sasl: { ...plain, mechanism: 'SCRAM-SHA-512' }, tls: { ca: () => ca.cert } },
    ],
    ['the old form without TLS', () => ({ sasltype: 'PLAIN', ...user }), { sasl: plain }],
    [
      'the old form with a certificate alone',
      () => ({ 'tls.enabled': 'true', 'user.crt': client.cert, 'user.key': client.pkcs8 }),
      { tls: { certificate: () => client.cert } },
    ],
    ['the old form with TLS alone', () => ({ 'tls.enabled': 'true' }), { tls: {} }],
  ])('%s', (_, values, expected) => {
    const found = read(values())
    if ('kind' in expected) return expect(found).toEqual(expected)
    expect(found).toMatchObject({ kind: 'good' })
    const { credential } = found as Extract<ReadCredential, { kind: 'good' }>
    const called = (value: unknown): unknown =>
      typeof value === 'function'
        ? (value as () => string)().trim()
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, called(each)]))
          : value
    expect(credential).toMatchObject(called(expected) as object)
    expect('sasl' in credential).toBe('sasl' in expected)
    expect('tls' in credential).toBe('tls' in expected)
    if (values()['user.skip'] === 'true') expect(credential.tls).toEqual({})
  })

  it.each<[string, () => Record<string, string | Uint8Array>, string, RegExp]>([
    ['nothing in it', () => ({}), 'SecretKeyMissing', /key protocol is missing.*PLAINTEXT, SSL/],
    [
      'a protocol of no Kafka',
      () => ({ protocol: 'SASL-SSL', ...user }),
      'SecretInvalid',
      /must be one of.*did you mean SASL_SSL\?/,
    ],
    ['no user', () => ({ protocol: 'SASL_SSL', password: 'p4ss' }), 'SecretKeyMissing', /key user is missing/],
    ['no password', () => ({ protocol: 'SASL_SSL', user: 'ann' }), 'SecretKeyMissing', /key password is missing/],
    ['neither', () => ({ protocol: 'SASL_SSL' }), 'SecretKeyMissing', /key user is missing.*key password is missing/],
    [
      'an empty password',
      () => ({ protocol: 'SASL_SSL', user: 'ann', password: '\n' }),
      'SecretInvalid',
      /key password is empty/,
    ],
    [
      'bytes that are no text',
      () => ({ protocol: 'SASL_SSL', user: 'ann', password: new Uint8Array([0xff, 0xfe]) }),
      'SecretInvalid',
      /key password is not text in UTF-8/,
    ],
    [
      'a zero byte',
      () => ({ protocol: 'SASL_SSL', user: 'a\0b', password: 'p4ss' }),
      'SecretInvalid',
      /key user holds a zero byte/,
    ],
    [
      'OAUTHBEARER',
      () => ({ protocol: 'SASL_SSL', 'sasl.mechanism': 'OAUTHBEARER', tokenProvider: 'MSKAccessTokenProvider' }),
      'SecretInvalid',
      /sasl.mechanism is OAUTHBEARER, which is not served.*SCRAM-SHA-512/,
    ],
    [
      'an unknown mechanism',
      () => ({ protocol: 'SASL_SSL', 'sasl.mechanism': 'GSSAPI', ...user }),
      'SecretInvalid',
      /one of PLAIN, SCRAM/,
    ],
    [
      'SSL without a certificate',
      () => ({ protocol: 'SSL', 'ca.crt': ca.cert }),
      'SecretKeyMissing',
      /user.crt.*user.key.*user.skip=true/,
    ],
    [
      'a certificate without key',
      () => ({ protocol: 'SSL', 'user.crt': client.cert }),
      'SecretKeyMissing',
      /key user.key is missing/,
    ],
    [
      'a key without certificate',
      () => ({ protocol: 'SASL_SSL', ...user, 'user.key': client.sec1 }),
      'SecretKeyMissing',
      /key user.crt is missing/,
    ],
    [
      'a key of another certificate',
      () => ({ protocol: 'SSL', 'user.crt': client.cert, 'user.key': other.pkcs8 }),
      'SecretInvalid',
      /user.crt and key user.key do not belong together/,
    ],
    [
      'the authority first in a chain',
      () => ({ protocol: 'SSL', 'user.crt': ca.cert + client.cert, 'user.key': client.pkcs8 }),
      'SecretInvalid',
      /the first certificate must be that of the client/,
    ],
    [
      'a certificate that expired',
      () => ({ protocol: 'SSL', 'user.crt': expired.cert, 'user.key': expired.pkcs8 }),
      'SecretInvalid',
      /key user.crt: the certificate expired at 2026-05-31/,
    ],
    [
      'one of tomorrow',
      () => ({ protocol: 'SSL', 'user.crt': future.cert, 'user.key': future.pkcs8 }),
      'SecretInvalid',
      /is not valid before 2026-06-02/,
    ],
    [
      'an authority that expired',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': expired.cert }),
      'SecretInvalid',
      /key ca.crt: the certificate of the authority expired/,
    ],
    [
      'no PEM',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': 'yes' }),
      'SecretInvalid',
      /key ca.crt holds no certificate in PEM form/,
    ],
    [
      'an empty authority',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': '' }),
      'SecretInvalid',
      /ca.crt holds no certificate.*it is empty/,
    ],
    [
      'a key for an authority',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': client.pkcs8 }),
      'SecretInvalid',
      /ca.crt holds no certificate.*but a PRIVATE KEY/,
    ],
    [
      'PEM that is cut',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': ca.cert.replace(/\n.{20}/, '\n') }),
      'SecretInvalid',
      /ca.crt holds a certificate that cannot be read/,
    ],
    [
      'encoded twice',
      () => ({ protocol: 'SASL_SSL', ...user, 'ca.crt': Buffer.from(ca.cert).toString('base64') }),
      'SecretInvalid',
      /looks like base64/,
    ],
    [
      'a key that is cut',
      () => ({ protocol: 'SSL', 'user.crt': client.cert, 'user.key': client.pkcs8.replace(/\n.{30}/, '\n') }),
      'SecretInvalid',
      /user.key holds a key that cannot be read/,
    ],
    [
      'a key with a passphrase',
      () => {
        const key = createPrivateKey(client.pkcs8).export({
          format: 'pem',
          type: 'pkcs8',
          cipher: 'aes-256-cbc',
          passphrase: 'x',
        })
        return { protocol: 'SSL', 'user.crt': client.cert, 'user.key': String(key) }
      },
      'SecretInvalid',
      /user.key is encrypted.*openssl pkey/,
    ],
    [
      'the Secret that Strimzi makes for a user with a password',
      () => ({ password: 'p4ss', 'sasl.jaas.config': 'org.apache... password="p4ss"' }),
      'SecretKeyMissing',
      /key protocol is missing.*KafkaUser with a password.*sasl.mechanism=SCRAM-SHA-512/,
    ],
    [
      'the Secret that Strimzi makes for a user with a certificate',
      () => ({
        'ca.crt': ca.cert,
        'user.crt': client.cert,
        'user.key': client.pkcs8,
        'user.p12': 'x',
        'user.password': 'x',
      }),
      'SecretKeyMissing',
      /key protocol is missing.*KafkaUser with a certificate.*cluster-ca-cert/,
    ],
  ])('%s', (_, values, reason, problem) => {
    const given = values()
    const found = read(given)
    expect(found).toMatchObject({ kind: 'faulty', reason })
    const said = JSON.stringify(found)
    expect((found as Extract<ReadCredential, { kind: 'faulty' }>).problems.join('; ')).toMatch(problem)
    // Nothing that is secret is ever said.
    for (const key of ['password', 'user.key', 'sasl.jaas.config']) {
      const value = given[key]
      if (typeof value === 'string' && value.trim() !== '')
        expect(said).not.toContain(value.slice(0, 60).replaceAll('\n', '\\n'))
    }
  })

  it('one that is full of nonsense is judged at once: the controller has nobody else to do its work meanwhile', () => {
    const megabyte = (text: string): string => text.repeat(1_000_000 / text.length)
    // of this thread alone: how busy the machine is does not count
    const began = process.threadCpuUsage()
    const password = `${'\n'.repeat(100_000)}x`
    expect(read({ protocol: 'SASL_PLAINTEXT', ...user, password })).toMatchObject({
      credential: { sasl: { password } },
    })
    expect(readCertificates(megabyte('-----BEGIN CERTIFICATE-----\n')).problem).toMatch(/no certificate/)
    expect(read({ protocol: megabyte('SASL') })).toMatchObject({ reason: 'SecretInvalid' })
    const { user: usedUs, system } = process.threadCpuUsage(began)
    expect(usedUs + system).toBeLessThan(1_000_000)
  })

  it('one that is too large is not handed on: each worker would hold it, once for each Kafka', () => {
    const bundle = (certificates: number) => ({ ...user, protocol: 'SASL_SSL', 'ca.crt': ca.cert.repeat(certificates) })
    expect(read(bundle(100)).kind).toBe('good')
    const problem = expect.stringMatching(/^key ca\.crt is larger than 128 KiB; .*/) as string
    const found = read(bundle(1 + 131_072 / ca.cert.length))
    expect(found).toEqual({ kind: 'faulty', reason: 'SecretInvalid', problems: [problem] })
  })

  it('a password in place of the protocol is not said', () => {
    expect(JSON.stringify(read({ protocol: 'S3cr3t!' }))).not.toContain('S3cr3t')
  })
})

describe('spec.net of a KafkaSource', () => {
  const ref = (name: string, key: string) => ({ secretKeyRef: { name, key } })
  const secrets: Record<string, () => Record<string, string>> = {
    sasl: () => secret({ u: 'ann', p: 'p4ss\n', t: 'SCRAM-SHA-512' }),
    tls: () => secret({ ca: ca.cert, crt: client.cert, key: client.pkcs8 }),
  }
  const net = (given: Parameters<typeof readKafkaNet>[0]) => readKafkaNet(given, (name) => secrets[name]?.() ?? {}, now)
  const sasl = { enable: true, user: ref('sasl', 'u'), password: ref('sasl', 'p') }

  it('chooses the protocol by what is enabled', () => {
    expect(net({})).toEqual({ kind: 'none' })
    expect(net({ sasl: { ...sasl, enable: false }, tls: { caCert: ref('tls', 'ca') } })).toEqual({ kind: 'none' })
    expect(net({ sasl })).toEqual({ kind: 'good', credential: { sasl: plain } })
    expect(net({ sasl: { ...sasl, type: ref('sasl', 't') } })).toMatchObject({
      credential: { sasl: { mechanism: 'SCRAM-SHA-512' } },
    })
    expect(net({ sasl, tls: { enable: true, caCert: ref('tls', 'ca') } })).toMatchObject({
      credential: { sasl: plain, tls: { ca: ca.cert.trim() } },
    })
  })

  it('takes TLS without a client certificate', () => {
    expect(net({ tls: { enable: true } })).toEqual({ kind: 'good', credential: { tls: {} } })
    const mutual = { enable: true, caCert: ref('tls', 'ca'), cert: ref('tls', 'crt'), key: ref('tls', 'key') }
    expect(net({ tls: mutual })).toMatchObject({ credential: { tls: { key: client.pkcs8.trim() } } })
  })

  it.each<[string, Parameters<typeof readKafkaNet>[0], string, RegExp]>([
    [
      'no user',
      { sasl: { enable: true, password: ref('sasl', 'p') } },
      'SecretKeyMissing',
      /^spec.net.sasl.user.secretKeyRef is missing/,
    ],
    [
      'a key that is not there',
      { sasl: { ...sasl, user: ref('sasl', 'x') } },
      'SecretKeyMissing',
      /^key x of Secret sasl \(spec.net.sasl.user\) is missing/,
    ],
    [
      'a type that is not there',
      { sasl: { ...sasl, type: ref('sasl', 'x') } },
      'SecretKeyMissing',
      /^key x of Secret sasl \(spec.net.sasl.type\) is missing/,
    ],
    [
      'an authority that is not there',
      { tls: { enable: true, caCert: ref('tls', 'x') } },
      'SecretKeyMissing',
      /^key x of Secret tls/,
    ],
    [
      'half of a pair',
      { tls: { enable: true, cert: ref('tls', 'crt') } },
      'SecretKeyMissing',
      /^spec.net.tls.key.secretKeyRef is missing/,
    ],
    [
      'a wrong pair',
      { tls: { enable: true, cert: ref('tls', 'ca'), key: ref('tls', 'key') } },
      'SecretInvalid',
      /do not belong together/,
    ],
  ])('%s', (_, given, reason, problem) => {
    const found = net(given)
    expect(found).toMatchObject({ kind: 'faulty', reason })
    expect((found as Extract<ReadCredential, { kind: 'faulty' }>).problems.join('; ')).toMatch(problem)
  })

  it('names its Secrets once each, and none that is not enabled', () => {
    expect(secretsOfNet({ sasl, tls: { enable: true, caCert: ref('tls', 'ca') } })).toEqual(['sasl', 'tls'])
    expect(secretsOfNet({ sasl: { ...sasl, enable: false } })).toEqual([])
  })
})
