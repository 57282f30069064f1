import { describe, it } from 'vitest'
import type { KafkaSecurity } from '../../src/kafka/security.ts'
import { mechanisms, useAuthKafka, type Listener as Door, type Sasl } from '../support/kafka-auth.ts'
import { makeTopic } from './log/subject.ts'
import { expectRefused, share, uses } from './log/refusals.ts'

const kafka = useAuthKafka()
/** Who is refused is told after five seconds, by the patience of the appender: so tests wait side by side. */
const together = { concurrent: true }

const signedIn: [Door, (typeof mechanisms)[number] | null][] = [
  ['PLAINTEXT', null],
  ['SSL', null],
  ...mechanisms.flatMap((mechanism): [Door, typeof mechanism][] => [
    ['SASL_PLAINTEXT', mechanism],
    ['SASL_SSL', mechanism],
  ]),
]

describe.each(signedIn)('on listener %s by %s', together, (door, mechanism) => {
  const credential = (more = {}) => kafka().credential(door, mechanism === null ? {} : { mechanism, ...more })

  it('the right credential is good for everything', async () => {
    const topic = await makeTopic(kafka().operator)
    const log = kafka().log(door, credential())
    await Promise.all([...Object.values(uses).map((use) => use(log, topic)), share(log, topic)])
  })

  it.skipIf(mechanism === null)('a wrong password is told, and so is an unknown user', async () => {
    const told = (user: string) => new RegExp(`does not accept user ${user} by ${mechanism}`)
    await Promise.all([
      expectRefused(kafka(), door, credential({ password: 'geheim' }), 'AuthenticationFailed', told('alice')),
      expectRefused(kafka(), door, credential({ username: 'nobody' }), 'AuthenticationFailed', told('nobody')),
    ])
  })
})

describe('a door that is not the one', together, () => {
  it.each<[string, Door, (right: AuthCredentials) => KafkaSecurity, string, RegExp]>([
    [
      'no user where one is asked for',
      'SASL_PLAINTEXT',
      () => ({}),
      'AuthenticationFailed',
      /asks for a user \(SASL: .*PLAIN/,
    ],
    [
      'TLS, but no user where one is asked for',
      'SASL_SSL',
      ({ ca }) => ({ tls: { ca } }),
      'AuthenticationFailed',
      /asks for a user \(SASL: .*SCRAM-SHA-512/,
    ],
    [
      'a user where none is taken',
      'PLAINTEXT',
      ({ sasl }) => ({ sasl }),
      'AuthenticationFailed',
      /takes no SASL on this port/,
    ],
    [
      'a user where a certificate is taken',
      'SSL',
      ({ sasl, tls }) => ({ sasl, tls }),
      'AuthenticationFailed',
      /takes no SASL on this port/,
    ],
    ['TLS where none is spoken', 'PLAINTEXT', ({ ca }) => ({ tls: { ca } }), 'TlsFailed', /speaks no TLS on this port/],
    [
      'TLS and a user where no TLS is spoken',
      'SASL_PLAINTEXT',
      ({ ca, sasl }) => ({ tls: { ca }, sasl }),
      'TlsFailed',
      /speaks no TLS on this port/,
    ],
    ['nothing where TLS is spoken', 'SSL', () => ({}), 'TlsFailed', /speaks TLS on this port/],
    [
      'a user without TLS where it is spoken',
      'SASL_SSL',
      ({ sasl }) => ({ sasl }),
      'TlsFailed',
      /speaks TLS on this port/,
    ],
  ])('%s: everybody is told, and nobody hangs', async (_, door, security, code, message) => {
    const { tls } = kafka()
    const sasl: Sasl = { mechanism: 'PLAIN', username: 'alice', password: 'alice-secret' }
    await expectRefused(kafka(), door, security({ ca: tls.ca, tls, sasl }), code, message)
  })
})

interface AuthCredentials {
  readonly ca: string
  readonly tls: NonNullable<KafkaSecurity['tls']>
  readonly sasl: Sasl
}
