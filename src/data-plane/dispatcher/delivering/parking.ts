import { Fault } from '../../../core/fault.ts'
import type { Appender, LogAdmin } from '../../../kafka/log.ts'
import type { Entry } from '../reading/segment.ts'
import { parkedRecord, type Failure } from './failure.ts'
import type { ParkingPlace } from './prepared.ts'

/** Parked events wait for a person: longer than the week that a topic keeps by default, but not for ever. */
const RETENTION_MS = 30 * 24 * 3600_000

/** What the attributes that say why may add to an event which just fits its own topic, bytes. */
const ROOM_BYTES = 64 * 1024

/** The place for events that no retry and no dead letter sink could take. Its topics are made on first use. */
export class Parking {
  readonly #admin: LogAdmin
  readonly #appender: Appender
  readonly #ready = new Map<string, Promise<unknown>>()

  constructor(admin: LogAdmin, appender: Appender) {
    this.#admin = admin
    this.#appender = appender
  }

  /**
   * Resolves once the event is stored, with less of why where it is too large for that. @throws Fault, as `ensureTopic` and `append` do.
   */
  async park(place: ParkingPlace, entry: Entry, failure: Failure): Promise<void> {
    const record = parkedRecord(entry, failure, place.topic)
    let ready = this.#ready.get(place.topic)
    if (ready === undefined) {
      ready = this.#make(place, entry.at.topic)
      this.#ready.set(place.topic, ready)
    }
    try {
      await ready
      await this.#appender.append(record).catch((error: unknown) => {
        if (error instanceof Fault && error.code === 'RecordTooLarge') {
          return this.#appender.append(parkedRecord(entry, failure, place.topic, true))
        }
        throw error
      })
    } catch (error) {
      // it may have been deleted since, or was never made
      this.#ready.delete(place.topic)
      throw error
    }
  }

  /** It takes what its source takes, with the reasons on top. */
  async #make(place: ParkingPlace, source: string): Promise<void> {
    const [{ maxMessageBytes } = { maxMessageBytes: 1024 * 1024 }] = await this.#admin.describeTopics([source])
    await this.#admin.ensureTopic({
      name: place.topic,
      partitions: place.partitions,
      replicationFactor: place.replicationFactor,
      config: { 'retention.ms': String(RETENTION_MS), 'max.message.bytes': String(maxMessageBytes + ROOM_BYTES) },
    })
  }
}
