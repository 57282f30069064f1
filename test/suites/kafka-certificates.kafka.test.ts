import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useAuthKafka } from '../support/kafka-auth.ts'
import { uniqueName } from '../support/kafka.ts'
import { expectRefused, uses } from './log/refusals.ts'
import { faultOf } from './log/subject.ts'

const kafka = useAuthKafka()
/** Who is refused is told after five seconds, by the patience of the appender: so tests wait side by side. */
const together = { concurrent: true }

describe('certificates', together, () => {
  let dir: string
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: dir })
  const made = (file: string): Promise<string> => readFile(join(dir, file), 'utf8')

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-pki-'))
    await Promise.all([
      writeFile(join(dir, 'client.key'), kafka().tls.key ?? ''),
      openssl(
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        'other.key',
        '-out',
        'other.crt',
        '-subj',
        '/CN=test-env-kafka-ca',
      ),
    ])
  })
  afterAll(() => rm(dir, { recursive: true }))

  it('an authority that did not sign the certificate is not enough, nor are those of the system', async () => {
    const { sasl } = kafka().credential('SASL_SSL')
    const forged = { tls: { ca: await made('other.crt') }, sasl }
    await Promise.all([
      expectRefused(kafka(), 'SASL_SSL', forged, 'TlsFailed', /not signed by an authority that was given/),
      expectRefused(kafka(), 'SASL_SSL', { tls: {}, sasl }, 'TlsFailed', /signed by none of the system's authorities/),
      expectRefused(kafka(), 'SASL_SSL', { tls: { ca: 'geheim' }, sasl }, 'TlsFailed', /no certificate in PEM/),
    ])
  })

  it('a name that the certificate does not have is refused, and one that it has is taken', async () => {
    const { sasl, tls } = kafka().credential('SASL_SSL')
    const port = kafka().address('SASL_SSL').split(':')[1]
    const named = kafka().logAt(`localhost:${port}`, { sasl, tls })
    const admin = named.admin()
    expect(await admin.listTopics()).toBeInstanceOf(Array)
    await admin.close()
    // the same address, by a name that no certificate has
    const wrong = kafka().logAt(`127.1:${port}`, { sasl, tls }).admin()
    const fault = await faultOf(wrong.listTopics())
    expect([fault.code, fault.message]).toEqual(['TlsFailed', expect.stringMatching(/for another name/)])
    await wrong.close()
  })

  it('a client certificate that is missing, of someone else, or without its key is told as that', async () => {
    const { tls } = kafka()
    const { ca, certificate, key } = tls
    const [other, otherKey] = [await made('other.crt'), await made('other.key')]
    await Promise.all([
      expectRefused(kafka(), 'SSL', { tls: { ca } }, 'TlsFailed', /asks for a client certificate/),
      expectRefused(
        kafka(),
        'SSL',
        { tls: { ca, certificate: other, key: otherKey } },
        'TlsFailed',
        /does not accept our client certificate/,
      ),
      expectRefused(kafka(), 'SSL', { tls: { ca, certificate } }, 'TlsFailed', /certificate without its key/),
      expectRefused(kafka(), 'SSL', { tls: { ca, key } }, 'TlsFailed', /key without its certificate/),
      expectRefused(kafka(), 'SSL', { tls: { ca, certificate: other, key } }, 'TlsFailed', /do not belong together/),
      expectRefused(kafka(), 'SSL', { tls: { ca, certificate, key: 'geheim' } }, 'TlsFailed', /cannot be read/),
    ])
  })

  it('a client certificate is offered to who does not ask for it, without harm', async () => {
    const { sasl } = kafka().credential('SASL_SSL')
    const log = kafka().log('SASL_SSL', { tls: kafka().tls, sasl })
    await uses['make']?.(log, '')
  })

  it.each([
    ['PKCS#8', 'BEGIN PRIVATE KEY', ['pkcs8', '-topk8', '-nocrypt', '-in', 'client.key']],
    ['SEC1', 'BEGIN EC PRIVATE KEY', ['ec', '-in', 'client.key']],
  ])('its key may be %s', async (_, begin, command) => {
    const file = `${uniqueName('converted')}.key`
    await openssl(...command, '-out', file)
    const key = await made(file)
    expect(key).toContain(begin)
    const { ca, certificate } = kafka().tls
    await uses['make']?.(kafka().log('SSL', { tls: { ca, certificate, key } }), '')
  })

  it.each([
    ['PKCS#1', 'BEGIN RSA PRIVATE KEY', ['rsa', '-traditional']],
    ['PKCS#8', 'BEGIN PRIVATE KEY', ['pkcs8', '-topk8', '-nocrypt']],
  ])('an RSA key may be %s', async (_, begin, command) => {
    const name = uniqueName('rsa')
    const [ca, caKey] = kafka().authority
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      '/CN=client',
    )
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      ca,
      '-CAkey',
      caKey,
      '-CAcreateserial',
      '-CAserial',
      `${name}.srl`,
      '-out',
      `${name}.crt`,
    )
    await openssl(...command, '-in', `${name}.key`, '-out', `${name}.pem`)
    const [certificate, key] = [await made(`${name}.crt`), await made(`${name}.pem`)]
    expect(key).toContain(begin)
    await uses['make']?.(kafka().log('SSL', { tls: { ca: kafka().tls.ca, certificate, key } }), '')
  })

  it('an encrypted key is told as that', async () => {
    await openssl('pkcs8', '-topk8', '-passout', 'pass:geheim', '-in', 'client.key', '-out', 'encrypted.key')
    const { ca, certificate } = kafka().tls
    const security = { tls: { ca, certificate, key: await made('encrypted.key') } }
    await expectRefused(kafka(), 'SSL', security, 'TlsFailed', /is encrypted/)
  })
})

describe('users', together, () => {
  it('may have names and passwords of any characters', async () => {
    // Kafka takes no others than ASCII in names
    const user = `${uniqueName('odd')},=x`
    for (const password of ['pass word"=\'', 'ªＡ\u00adgroß']) {
      await kafka().setPassword(user, password)
      const right = kafka().credential('SASL_PLAINTEXT', { username: user, password })
      await uses['list']?.(kafka().log('SASL_PLAINTEXT', right), '')
    }
  })

  it('a user of one SCRAM mechanism is not one of the other', async () => {
    const user = uniqueName('half')
    await kafka().setPassword(user, 'geheim', 'SCRAM-SHA-256')
    const half = kafka().credential('SASL_SSL', { username: user, password: 'geheim', mechanism: 'SCRAM-SHA-512' })
    await expectRefused(kafka(), 'SASL_SSL', half, 'AuthenticationFailed', /this user may sign in by SCRAM-SHA-512/)
  })
})
