import type { Manifest } from '../../api/manifest.ts'
import { objectName } from '../../api/problem.ts'
import { matchingTopics } from '../../api/topics-pattern.ts'
import type { Compiled } from '../../control-plane/compile-manifests.ts'
import type { ObjectStatus } from '../../control-plane/conclude.ts'
import type { CompiledSource } from '../../control-plane/kafka-source/compile.ts'
import type { Appender, LogAdmin } from '../../kafka/log.ts'
import { Records } from './records.ts'
import type { Voice } from './voice.ts'

interface Parts {
  readonly voice: Voice
  /** The Kafka that `dev` uses; undefined: the embedded log. */
  readonly kafka: string | undefined
  readonly records: {
    readonly host: string
    readonly port: number
    readonly appender: Appender
    readonly admin: LogAdmin
  }
}

/**
 * What `dev` says of KafkaSources: which log they read, whatever Kafka they name, and how to write a record into the embedded one. The way to do that is
 * there from the first KafkaSource on that reads.
 */
export class SourceLines {
  readonly #parts: Parts
  #sources: readonly CompiledSource[] = []
  #records: Promise<Records | null> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  compiled(manifests: readonly Manifest[], { kafkaSources }: Compiled): void {
    const { voice, kafka } = this.#parts
    this.#sources = kafkaSources
    for (const { key, servers } of kafkaSources)
      if (servers !== kafka)
        voice.once(
          `log of ${objectName(key)}`,
          `${objectName(key)} names Kafka at ${servers}; here it reads ${kafka === undefined ? 'the embedded log' : `Kafka at ${kafka}`}`,
        )
    for (const manifest of manifests) if (manifest.kind === 'KafkaSource') this.#net(manifest)
  }

  /** A record that is written before anything reads may be too early: one that asks by pattern begins with the first record, the others with the next. */
  told(statuses: readonly ObjectStatus[]): void {
    const reads = statuses.some(({ key, ready }) => key.kind === 'KafkaSource' && ready === 'True')
    const byPattern = this.#sources.some(({ asked }) => asked.kind === 'pattern')
    if (this.#parts.kafka === undefined && (reads || byPattern)) this.#records ??= this.#open()
  }

  async close(): Promise<void> {
    await (await this.#records)?.close()
  }

  #net({ key, object }: Extract<Manifest, { kind: 'KafkaSource' }>): void {
    const { net } = object.spec
    if (net?.sasl?.enable !== true && net?.tls?.enable !== true) return
    const name = objectName(key)
    this.#parts.voice.once(
      `net of ${name}`,
      `${name}: spec.net is left to a cluster; here nobody signs in, in plain text`,
    )
  }

  async #open(): Promise<Records | null> {
    const { voice, records } = this.#parts
    const topics = { has: (topic: string) => this.#reads(topic), names: () => this.#names() }
    // Beside the ingress.
    const port = records.port === 0 ? 0 : records.port + 1
    try {
      const opened = await Records.start({ ...records, port, topics })
      const topic = this.#names()[0]?.replaceAll('*', '1') ?? '<topic>'
      const line = `curl ${opened.url}/${topic} -H 'kafka-key: 42' -H 'content-type: application/json' -d '{"hello":"world"}'`
      voice.line(`\nWrite a record, as a Kafka client would:\n\n  ${line}\n`)
      return opened
    } catch (error) {
      voice.line(`Records cannot be written: ${(error as Error).message}`)
      return null
    }
  }

  #reads(topic: string): boolean {
    return this.#sources.some(({ asked }) =>
      asked.kind === 'names' ? asked.names.includes(topic) : matchingTopics([topic], asked.parts).length > 0,
    )
  }

  #names(): readonly string[] {
    return this.#sources.flatMap(({ asked }) => (asked.kind === 'names' ? asked.names : asked.parts))
  }
}
