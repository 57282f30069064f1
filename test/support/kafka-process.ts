import { spawn, execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify, parseEnv } from 'node:util'

const env = join(import.meta.dirname, '..', 'env')
const run = promisify(execFile)

/** How to start a Kafka. */
export interface KafkaOptions {
  /** For example 3.5.2. By default `MILLRACE_TEST_KAFKA_VERSION`, else the one of test/env/kafka/pom.xml. */
  readonly version?: string
  readonly brokers?: 1 | 3
  /** Listeners with SSL and SASL beside the plain one, and ACLs. */
  readonly auth?: boolean
  /** Where pods of the cluster of the end-to-end tests reach it too. */
  readonly pods?: boolean
  /** A listener more, whose clients are sent to `KAFKA_DELAYED`: the caller opens proxies there to `KAFKA_DELAYED_TARGET`. */
  readonly delayedListener?: boolean
  /** Memory of each broker's heap, MiB. */
  readonly heapMib?: number
  /** Broker properties, for example `{ 'offsets.retention.minutes': '2' }`. */
  readonly set?: Readonly<Record<string, string>>
}

/** A Kafka that a test started for itself. */
export interface RunningKafka extends AsyncDisposable {
  /** `host:port[,host:port]` of the plain listener. */
  readonly bootstrap: string
  /** All addresses, users and certificate paths, as in kafka.env (`KAFKA_PLAINTEXT`, `KAFKA_SASL_SSL`, `KAFKA_CA` ...). */
  readonly settings: Readonly<Record<string, string>>
  /** Where broker 1, 2, 3 keeps its partitions, each in a folder of the name `topic-0`. */
  dataOf(broker: number): string
  /** Stops one broker (1, 2, 3); `kill` as in a power cut. */
  stopBroker(broker: number, how: 'term' | 'kill'): Promise<void>
  /** Starts the brokers that are down, with their data, and resolves when they are up. */
  startBrokers(): Promise<void>
  /** Stops it and removes its data. */
  close(): Promise<void>
}

/**
 * Starts a Kafka of its own for a test (5 to 8 s; three brokers 15 s). It ends with `close()`, and also when this process dies in any way:
 * `kafka-hold` watches its standard input. In a session of its own, so that ctrl-C does not reach it before we are done with it.
 * @throws Error with the last words of the script, when Java or Maven is missing or a broker does not start.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-kafka-'))
  const child = spawn(join(env, 'kafka-hold'), [dir, ...kafkaUpArguments(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const complaints = text(child.stderr)
  const settings = await settingsUntilReady(child.stdout)
  if (settings === null) throw new Error(`no Kafka for the tests: ${(await complaints).trim()}`)

  const close = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  return {
    bootstrap: settings['KAFKA_PLAINTEXT'] ?? '',
    settings,
    dataOf: (broker) => join(dir, `broker-${broker}`),
    stopBroker: async (broker, how) => {
      const kill = how === 'kill' ? ['--kill'] : []
      await run(join(env, 'kafka-down'), [dir, '--broker', String(broker), ...kill])
    },
    startBrokers: async () => {
      await run(join(env, 'kafka-up'), [dir])
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Runs a command line tool of Kafka by the name of its Java class, and gives what it prints. @throws Error when it fails. */
export async function kafkaTool(javaClass: string, ...args: readonly string[]): Promise<string> {
  // so that Java takes arguments as UTF-8, whatever the machine's language is
  const options = { env: { ...process.env, LC_ALL: 'C.UTF-8' } }
  const { stdout } = await run(join(env, 'kafka-tool'), [javaClass, ...args], options)
  return stdout
}

/** What `kafka-consumer-groups --describe` prints of a group: what an operator sees. */
export function describeGroup(bootstrap: string, group: string): Promise<string> {
  const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
  return kafkaTool(tool, '--bootstrap-server', bootstrap, '--describe', '--group', group)
}

function kafkaUpArguments(options: KafkaOptions): string[] {
  const version = options.version ?? process.env['MILLRACE_TEST_KAFKA_VERSION']
  const set = Object.entries(options.set ?? {}).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  return [
    ...(version === undefined ? [] : ['--version', version]),
    ...['--brokers', String(options.brokers ?? 1)],
    ...(options.auth === true ? ['--auth'] : []),
    ...(options.pods === true ? ['--pods'] : []),
    ...(options.delayedListener === true ? ['--delayed-listener'] : []),
    ...(options.heapMib === undefined ? [] : ['--heap', String(options.heapMib)]),
    ...set,
  ]
}

/** kafka.env as printed before the line "ready"; null when the script ended without it. */
async function settingsUntilReady(stdout: AsyncIterable<Buffer>): Promise<Record<string, string> | null> {
  let printed = ''
  for await (const chunk of stdout) {
    printed += chunk.toString()
    if (printed.endsWith('ready\n')) return parseEnv(printed.slice(0, -'ready\n'.length)) as Record<string, string>
  }
  return null
}
