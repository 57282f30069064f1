import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { alterUserScramCredentialsV0 } from '@platformatic/kafka'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
  type AclEntry,
} from 'kafkajs'
import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log } from '../../src/kafka/log.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import type { KafkaSecurity, SecuritySource } from '../../src/kafka/security.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from './eventually.ts'
import { kafkaTool, startKafka, type KafkaOptions, type RunningKafka } from './kafka-process.ts'

export type Listener = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
export type Sasl = NonNullable<KafkaSecurity['sasl']>
export type Tls = { readonly [Name in keyof NonNullable<KafkaSecurity['tls']>]-?: string }
export type Scram = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
export const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** What a user may do with a topic, a group, the cluster: with each that is named. */
export interface Acl {
  readonly operations: readonly ('Read' | 'Write' | 'Create' | 'Delete' | 'Describe' | 'DescribeConfigs')[]
  readonly topic?: string
  readonly group?: string
  readonly cluster?: true
  /** The name is the beginning of many. */
  readonly prefixed?: true
}

/** A Kafka that asks who one is. */
export interface AuthKafka {
  /** `host:port` of a listener. On PLAINTEXT one may do anything. */
  address(listener: Listener): string
  /** The authority that signed Kafka's certificate and the one of `User:CN=client`, that one and its key; PEM. */
  readonly tls: Tls
  /** What is right for a listener, as alice. */
  credential(listener: Listener, sasl?: Partial<Sasl>): KafkaSecurity
  /** A log that signs in so, and ends with the test file. */
  log(listener: Listener, security: SecuritySource | KafkaSecurity): Log
  /** The same, at `host:port`. */
  logAt(bootstrapServers: string, security: SecuritySource | KafkaSecurity): Log
  /** Paths of the authority's certificate and key, to sign others with. */
  readonly authority: readonly [certificate: string, key: string]
  /** Sets the password of a user for a SCRAM mechanism, by default SCRAM-SHA-512; the user is made when there is none. */
  setPassword(user: string, password: string, mechanism?: Scram): Promise<void>
  /** Lets a user do so much more: by a client that we did not write, since a Java tool takes seconds to start. */
  grant(user: string, acls: readonly Acl[]): Promise<void>
  /** A new user by SCRAM-SHA-512 who may do so much. */
  addUser(user: string, password: string, acls: readonly Acl[]): Promise<void>
  /** `kafka-acls --add`, e.g. `'--operation', 'Read', '--topic', 'orders'`, for a user. */
  allow(user: string, ...acl: readonly string[]): Promise<void>
  /** As an operator: on PLAINTEXT. */
  readonly operator: Log
}

/**
 * One for a test file: call it at the top, and the result in a test. Started before the first test (10 s), ended with the last; it listens on
 * loopback only.
 */
export function useAuthKafka(options: Omit<KafkaOptions, 'auth'> = {}): () => AuthKafka {
  let kafka: RunningKafka | undefined
  let auth: AuthKafka | undefined
  const logs: Log[] = []
  beforeAll(async () => {
    kafka = await startKafka({ heapMib: 256, ...options, auth: true })
    auth = await authOf(kafka, logs)
  }, 300_000)
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()))
    await kafka?.close()
  })
  return () => {
    if (auth === undefined) throw new Error('the Kafka with users has not been started yet')
    return auth
  }
}

async function authOf({ settings }: RunningKafka, logs: Log[]): Promise<AuthKafka> {
  const pem = (name: string): Promise<string> => readFile(settings[name] ?? '', 'utf8')
  const [ca, certificate, key] = await Promise.all(['KAFKA_CA', 'KAFKA_CLIENT_CERT', 'KAFKA_CLIENT_KEY'].map(pem))
  const tls = { ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' }
  const address = (listener: Listener): string => settings[`KAFKA_${listener}`] ?? ''
  const user: Sasl = {
    mechanism: 'SCRAM-SHA-512',
    username: settings['KAFKA_USER'] ?? '',
    password: settings['KAFKA_PASSWORD'] ?? '',
  }
  const logAt = (bootstrapServers: string, security: SecuritySource | KafkaSecurity): Log => {
    const source = 'current' in security ? security : constantly(security)
    const opened = openKafkaLog({ ...common, bootstrapServers, security: source })
    logs.push(opened)
    return opened
  }
  const log = (listener: Listener, security: SecuritySource | KafkaSecurity): Log => logAt(address(listener), security)
  const authority = settings['KAFKA_CA'] ?? ''
  const operator = address('PLAINTEXT')
  const setPassword = async (name: string, password: string, mechanism: Scram = 'SCRAM-SHA-512'): Promise<void> => {
    await setScram(operator, name, password, mechanism)
    await untilAccepted(address('SASL_PLAINTEXT'), { mechanism, username: name, password })
  }
  return {
    address,
    tls,
    credential: (listener, sasl = {}) => ({
      ...(listener === 'SSL' ? { tls } : listener === 'SASL_SSL' ? { tls: { ca: tls.ca } } : {}),
      ...(listener.startsWith('SASL') ? { sasl: { ...user, ...sasl } } : {}),
    }),
    log,
    logAt,
    authority: [authority, authority.replace(/crt$/, 'key')],
    setPassword,
    grant: (name, acls) => grant(operator, name, acls),
    allow: async (name, ...acl) => {
      const toAdd = ['--add', '--force', '--allow-principal', `User:${name}`, ...acl]
      await kafkaTool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', operator, ...toAdd)
    },
    addUser: async (name, password, acls) => {
      await grant(operator, name, acls)
      // brokers learn of changes in their order: who may sign in has these rights
      await setPassword(name, password)
    },
    operator: log('PLAINTEXT', {}),
  }
}

const common = { clientId: 'auth-test', clock: systemClock, logger: createLogger('silent') }

/** What never changes. */
export function constantly(security: KafkaSecurity): SecuritySource {
  return { current: () => security, subscribe: () => () => {} }
}

/** What the test changes. An error in place of a credential: there is none. */
export class Changing implements SecuritySource {
  readonly #listeners = new Set<() => void>()
  #security: KafkaSecurity | Error

  constructor(security: KafkaSecurity | Error) {
    this.#security = security
  }

  current(): KafkaSecurity {
    if (this.#security instanceof Error) throw this.#security
    return this.#security
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(security: KafkaSecurity | Error): void {
    this.#security = security
    for (const listener of this.#listeners) listener()
  }
}

/** A broker learns of a password a moment after it was set. */
async function untilAccepted(bootstrapServers: string, sasl: Sasl): Promise<void> {
  const cluster = new Cluster({ ...common, bootstrapServers, security: constantly({ sasl }) })
  await eventually(`${sasl.username} may sign in`, () => cluster.signInAnew().then(() => true))
  await cluster.close()
}

/** Their numbers in the protocol, the hash of each, and how long it is, bytes. */
const scram = {
  'SCRAM-SHA-256': { mechanism: 1, hash: 'sha256', length: 32 },
  'SCRAM-SHA-512': { mechanism: 2, hash: 'sha512', length: 64 },
} as const
const iterations = 4096

async function setScram(bootstrapServers: string, name: string, password: string, by: Scram): Promise<void> {
  const cluster = new Cluster({ ...common, bootstrapServers })
  const { mechanism, hash, length } = scram[by]
  const salt = randomBytes(16)
  const saltedPassword = pbkdf2Sync(password, salt, iterations, length, hash)
  const user = { name, mechanism, iterations, salt, saltedPassword }
  try {
    await cluster.request('setting a password', (connection) =>
      alterUserScramCredentialsV0.api.async(connection, [], [user]),
    )
  } finally {
    await cluster.close()
  }
}

async function grant(bootstrapServers: string, user: string, acls: readonly Acl[]): Promise<void> {
  const kafka = new Kafka({ brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const acl = acls.flatMap((one) => entriesOf(user, one))
  if (acl.length > 0) await admin.createAcls({ acl })
  await admin.disconnect()
}

function entriesOf(user: string, { operations, topic, group, cluster, prefixed }: Acl): AclEntry[] {
  const resources = [
    { resourceType: AclResourceTypes.TOPIC, resourceName: topic },
    { resourceType: AclResourceTypes.GROUP, resourceName: group },
    { resourceType: AclResourceTypes.CLUSTER, resourceName: cluster === true ? 'kafka-cluster' : undefined },
  ]
  return resources.flatMap(({ resourceType, resourceName }) =>
    operations.flatMap((operation) =>
      resourceName === undefined ? [] : { ...allowed(user, operation, prefixed), resourceType, resourceName },
    ),
  )
}

function allowed(user: string, operation: Acl['operations'][number], prefixed: Acl['prefixed']) {
  const name = operation === 'DescribeConfigs' ? 'DESCRIBE_CONFIGS' : (operation.toUpperCase() as 'READ')
  return {
    principal: `User:${user}`,
    host: '*',
    operation: AclOperationTypes[name],
    permissionType: AclPermissionTypes.ALLOW,
    resourcePatternType: ResourcePatternTypes[prefixed === true ? 'PREFIXED' : 'LITERAL'],
  }
}
