import type { Outlet } from '../../contract/outlet.ts'
import type { Appender, LogAdmin, NewRecord } from '../../kafka/log.ts'

/** Parked events wait for a person: longer than the week that a topic keeps by default, but not for ever. */
const RETENTION_MS = 30 * 24 * 3600_000

/** The place for events that no retry and no dead letter sink could take. Its topics are made on first use. */
export class Parking {
  readonly #admin: LogAdmin
  readonly #appender: Appender
  readonly #ready = new Map<string, Promise<unknown>>()

  constructor(admin: LogAdmin, appender: Appender) {
    this.#admin = admin
    this.#appender = appender
  }

  /** Resolves once the record is stored. @throws Fault, as `ensureTopic` and `append` do. */
  async park(place: Outlet['parking'], record: NewRecord): Promise<void> {
    let ready = this.#ready.get(place.topic)
    if (ready === undefined) {
      ready = this.#admin.ensureTopic({
        name: place.topic,
        partitions: place.partitions,
        replicationFactor: place.replicationFactor,
        config: { 'retention.ms': String(RETENTION_MS) },
      })
      this.#ready.set(place.topic, ready)
    }
    try {
      await ready
      await this.#appender.append(record)
    } catch (error) {
      // it may have been deleted since, or was never made
      this.#ready.delete(place.topic)
      throw error
    }
  }
}
