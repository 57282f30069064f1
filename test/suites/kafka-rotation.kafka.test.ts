import { afterEach, expect, it } from 'vitest'
import { Fault } from '../../src/core/fault.ts'
import type { Appended, Log, TopicPartition } from '../../src/kafka/log.ts'
import type { KafkaAppender } from '../../src/kafka/platformatic/append/append.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { Changing, useAuthKafka } from '../support/kafka-auth.ts'
import { uniqueGroup, uniqueName } from '../support/kafka.ts'
import { Listener } from './log/listener.ts'
import { faultOf, makeTopic, numbers, record } from './log/subject.ts'

/** Sessions of SCRAM-SHA-512 over TLS last twelve seconds; the others have no end. Shorter ones leave a busy machine no time to renew them. */
const kafka = useAuthKafka({ set: { 'listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms': '12000' } })

const plain = { mechanism: 'PLAIN' } as const
const PARTITIONS = 4
const RECORDS = 5_000
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Everything that Millrace does with a log, at once and for as long as the test wants. */
class Load {
  readonly log: Log
  readonly topic: string
  readonly group = uniqueGroup()
  readonly listener = new Listener()
  readonly lost: string[] = []
  readonly owned = new Set<number>()
  readonly troubles: unknown[] = []
  readonly fleet = uniqueGroup()
  readonly appended: Appended[] = []
  committed = 0
  #appender: KafkaAppender | undefined
  #over = false
  #commits: Promise<void> = Promise.resolve()

  constructor(log: Log, topic: string) {
    this.log = log
    this.topic = topic
  }

  get places(): TopicPartition[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: this.topic, partition }))
  }

  async start(): Promise<void> {
    const operator = kafka().operator.reader()
    await eventually('their leaders serve them', async () => (await operator.range(this.places)).length)
    await operator.close()
    const tail = this.log.reader().tail(this.listener)
    for (const at of this.places) tail.add(at, 0n)
    const member = this.log.membership(
      { group: this.fleet, instance: 'only', sessionTimeoutMs: 20_000 },
      {
        assigned: (some) => some.forEach(({ partition }) => this.owned.add(partition)),
        revoked: async (some) => some.forEach(({ partition }) => this.lost.push(`revoked ${partition}`)),
        lost: (some) => some.forEach(({ partition }) => this.lost.push(`lost ${partition}`)),
      },
    )
    member.share(this.places)
    await eventually('all partitions are ours', () => this.owned.size === PARTITIONS)
    this.#commits = this.#commit()
    closing.push(async () => {
      this.#over = true
      await this.#commits
      this.lost.length = 0
      await member.close({ forGood: true, deadlineMs: 2_000 })
      await tail.close()
    })
  }

  /** The next so many values, '0', '1', … in turn to the partitions, twenty at a time. */
  async append(count: number, pauseMs: number): Promise<void> {
    this.#appender ??= this.#open()
    const answers: Promise<Appended>[] = []
    const from = this.appended.length
    for (let i = from; i < from + count; i++) {
      const value = Buffer.from(String(i))
      answers.push(this.#appender.append(record(this.topic, { partition: i % PARTITIONS, value })))
      if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    this.appended.push(...(await Promise.all(answers)))
  }

  #open(): KafkaAppender {
    const appender = this.log.appender() as KafkaAppender
    closing.push(() => appender.close(5_000))
    return appender
  }

  async #commit(): Promise<void> {
    const positions = this.log.positions()
    while (!this.#over) {
      const offset = BigInt(this.committed + 1)
      await positions
        .commit(this.group, [{ topic: this.topic, partition: 0, offset, leaderEpoch: -1, metadata: '' }])
        .then(() => this.committed++)
        .catch((error: unknown) => this.troubles.push(error))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await positions.close()
  }

  /** All is there, once, in order, and was delivered so; nothing was refused, lost, or even tried twice. */
  async check(): Promise<void> {
    const count = this.appended.length
    await eventually('all is read', () => this.listener.records().length >= count)
    for (const { partition, topic } of this.places) {
      const expected = numbers(count).filter((_, i) => i % PARTITIONS === partition)
      expect(this.listener.values({ topic, partition })).toEqual(expected)
    }
    expect(new Set(this.appended.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(count)
    expect(this.#appender?.counters).toEqual({ retries: 0, identityResets: 0, splits: 0 })
    expect(this.listener.states.filter(({ fault }) => fault !== null)).toEqual([])
    expect(this.lost).toEqual([])
    expect(this.troubles).toEqual([])
    const before = this.committed
    await eventually('commits go on', () => this.committed > before + 3)
  }
}

it('5,000 records are appended, none lost, none twice, in order, while the password changes twice under everything that is open', async () => {
  const user = uniqueName('mallory')
  const mechanism = 'SCRAM-SHA-256'
  await kafka().setPassword(user, 'first', mechanism)
  const as = (password: string) => kafka().credential('SASL_PLAINTEXT', { mechanism, username: user, password })
  const source = new Changing(as('first'))
  const load = new Load(kafka().log('SASL_PLAINTEXT', source), await makeTopic(kafka().operator, PARTITIONS))
  await load.start()
  const appending = load.append(RECORDS, 30)
  for (const password of ['second', 'third']) {
    // Kafka knows the new one before we do: so it is with every rotation of one user
    await kafka().setPassword(user, password, mechanism)
    source.set(as(password))
  }
  await appending
  await load.check()
})

it('no connection is left that began with the old user: it may be shut out', async () => {
  const [before, after] = [uniqueName('before'), uniqueName('after')]
  await Promise.all([kafka().addUser(before, 'one', []), kafka().addUser(after, 'two', [])])
  const as = (username: string, password: string) => kafka().credential('SASL_PLAINTEXT', { username, password })
  const source = new Changing(as(before, 'one'))
  const load = new Load(kafka().log('SASL_PLAINTEXT', source), await makeTopic(kafka().operator, PARTITIONS))
  await load.start()
  await load.append(200, 5)
  source.set(as(after, 'two'))
  await kafka().addUser(before, 'revoked', [])
  const all = ['--operation', 'All', '--topic', load.topic, '--group', load.group, '--group', load.fleet]
  await kafka().allow('*', '--deny-principal', `User:${before}`, ...all)
  await load.append(400, 20)
  await load.check()
})

it.each([
  ['is wrong', 'AuthenticationFailed', () => kafka().credential('SASL_SSL', { ...plain, password: 'wrong' })],
  ['is gone', 'CredentialNotFound', () => new Fault('CredentialNotFound', 'the Secret is gone')],
  ['does not trust Kafka', 'TlsFailed', () => ({ ...kafka().credential('SASL_SSL', plain), tls: {} })],
] as const)(
  'when the new credential %s, what is open goes on, whoever asks is told, and it is mended without a restart',
  async (_, code, broken) => {
    const right = kafka().credential('SASL_SSL', plain)
    const source = new Changing(right)
    const load = new Load(kafka().log('SASL_SSL', source), await makeTopic(kafka().operator, PARTITIONS))
    const admin = load.log.admin()
    closing.push(() => admin.close())
    await load.start()
    await load.append(100, 5)
    expect(await admin.describeTopics([load.topic])).toHaveLength(1)
    source.set(broken())
    expect((await faultOf(admin.describeTopics([load.topic]))).code).toBe(code)
    expect((await faultOf(admin.deleteGroup(uniqueGroup()))).code).toBe(code)
    await load.append(300, 20)
    source.set(right)
    await eventuallyPasses('it is mended', async () => void (await admin.describeTopics([load.topic])))
    await admin.deleteGroup(uniqueGroup())
    await load.append(100, 5)
    await load.check()
  },
)

it('sessions that Kafka ends after twelve seconds are renewed before, under load', async () => {
  const security = kafka().credential('SASL_SSL', { mechanism: 'SCRAM-SHA-512' })
  const load = new Load(kafka().log('SASL_SSL', security), await makeTopic(kafka().operator, PARTITIONS))
  const admin = load.log.admin()
  closing.push(() => admin.close())
  await load.start()
  for (let second = 0; second < 14; second++) {
    await load.append(100, 200)
    expect(await admin.describeTopics([load.topic])).toHaveLength(1)
    await admin.deleteGroup(uniqueGroup())
  }
  await load.check()
})

it('a credential that comes late is waited for', async () => {
  const source = new Changing(new Fault('CredentialNotFound', 'there is no Secret yet'))
  const load = new Load(kafka().log('SASL_SSL', source), await makeTopic(kafka().operator, PARTITIONS))
  const started = load.start()
  const appended = load.append(20, 0)
  expect((await faultOf(load.log.reader().range(load.places))).code).toBe('CredentialNotFound')
  source.set(kafka().credential('SASL_SSL', plain))
  await Promise.all([started, appended])
  await eventually('all is read', () => load.listener.records().length === 20)
})

it('when sessions end and the new credential is wrong everybody is told, and all goes on where it was when it is mended', async () => {
  const right = kafka().credential('SASL_SSL')
  const source = new Changing(right)
  const load = new Load(kafka().log('SASL_SSL', source), await makeTopic(kafka().operator, PARTITIONS))
  await load.start()
  await load.append(100, 5)
  source.set(kafka().credential('SASL_SSL', { password: 'wrong' }))
  const codeOf = (error: unknown) => (error instanceof Fault ? error.code : error)
  await eventually('commits are refused', () => load.troubles.map(codeOf).includes('AuthenticationFailed'))
  await eventually('the tails are told', () =>
    load.listener.states.some(({ fault }) => codeOf(fault) === 'AuthenticationFailed'),
  )
  const appender = load.log.appender()
  const refused = await faultOf(appender.append(record(load.topic)))
  expect([refused.code, refused.details['sent']]).toEqual(['AuthenticationFailed', 0])
  await appender.close(1_000)
  source.set(right)
  const before = load.committed
  await eventually('commits go on', () => load.committed > before + 3)
  await load.append(100, 5)
  await eventually('all is read', () => load.listener.records().length === 200)
  for (const at of load.places) {
    expect(load.listener.values(at)).toEqual(numbers(200).filter((_, i) => i % PARTITIONS === at.partition))
  }
})
