import type { Delivery, Outlet } from '../../../src/contract/outlet.ts'
import type { OutletReport } from '../../../src/contract/route-source.ts'
import type { OutletSnapshot } from '../../../src/data-plane/dispatcher/parts.ts'
import type { LogRecord } from '../../../src/kafka/log.ts'
import { eventually } from '../../support/eventually.ts'
import { openMill, type Mill, type OpenLog, type Sent } from '../delivery-rules-rig.ts'
import { answer, type Behaviour, type Got } from '../dispatcher-rig.ts'

/** One event, and how its subscriber behaves. */
export interface Play {
  /** One for each request; the last one for all further ones. Default: 200 without a body. */
  readonly answers?: readonly Behaviour[]
  /** Given: there is a dead letter sink, and this is what it answers. */
  readonly deadLetter?: readonly Behaviour[]
  /** What differs from one retry, linear, after 5 ms. */
  readonly delivery?: Partial<Delivery>
  readonly outlet?: Partial<Outlet>
  /** Replies are stored in a topic of their own, made with this configuration. */
  readonly replies?: Readonly<Record<string, string>>
  /** Headers that join or replace those of the event, and its body. Its type is the Outlet's. */
  readonly event?: Pick<Sent, 'headers' | 'body'>
  /** How many events come to their end: more than one where replies come back. */
  readonly ends?: number
  /** The event is not sent over HTTP but is this record. */
  readonly record?: { readonly value: Buffer; readonly headers: LogRecord['headers'] }
}

/** A record that was stored, with its headers as text. */
export interface Stored {
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | null
  readonly value: Buffer | null
}

/** What became of it. */
export interface Outcome {
  /** The requests of the subscriber, of its dead letter sink, and those that came to any other path of it. */
  readonly tries: readonly Got[]
  readonly dead: readonly Got[]
  readonly strays: readonly Got[]
  /** Milliseconds from one try to the next. */
  readonly waits: readonly number[]
  readonly parked: readonly Stored[]
  readonly replies: readonly Stored[]
  readonly snapshot: OutletSnapshot
  readonly fault: OutletReport['fault']
  /** Where the subscriber is. */
  readonly url: string
  /** Namespace and name of the Trigger. */
  readonly trigger: string
  readonly deadLetterUrl: string
  readonly replyTopic: string
  readonly parkingTopic: string
}

export const ce = { 'ce-specversion': '1.0', 'ce-id': 'r1', 'ce-source': '/subscriber', 'ce-type': 'reply' }

/** The whole data plane, for one event after the other: each with an Outlet, a parking place and a subscriber's path of its own. */
export class OutgoingScene implements AsyncDisposable {
  readonly mill: Mill
  readonly #scripts = new Map<string, readonly Behaviour[]>()
  #plays = 0

  private constructor(mill: Mill) {
    this.mill = mill
    mill.subscriber.behave = (got, response) => {
      const script = this.#scripts.get(got.path) ?? []
      const earlier = this.#at(got.path).length - 1
      const behave = script[Math.min(earlier, script.length - 1)] ?? answer(200)
      behave(got, response)
    }
  }

  static async open(log: () => Promise<OpenLog>): Promise<OutgoingScene> {
    const outlet = { filter: { attributes: { type: 'of-nobody' } } }
    return new OutgoingScene(await openMill(log, { outlet, dispatcher: { replyBytes: 100_000 } }))
  }

  async play(given: Play): Promise<Outcome> {
    const { rig, runner, subscriber } = this.mill
    const uid = `p${++this.#plays}`
    const replyTopic = `${rig.topic}-replies-${uid}`
    const deadLetterUrl = `${subscriber.url}/${uid}/dead?x=1`
    this.#scripts.set(`/${uid}`, given.answers ?? []).set(`/${uid}/dead?x=1`, given.deadLetter ?? [])
    const outlet = rig.outlet(subscriber.url, {
      uid,
      start: 'latest',
      filter: { attributes: given.record === undefined ? { type: uid } : {} },
      parking: { topic: `${rig.topic}-parked-${uid}`, partitions: 1, replicationFactor: 1 },
      delivery: {
        ...{ retry: 1, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 10_000 },
        ...(given.deadLetter === undefined ? {} : { deadLetter: { url: deadLetterUrl } }),
        ...given.delivery,
      },
      ...(given.replies === undefined ? {} : { replyTopic }),
      ...given.outlet,
    })
    if (given.replies !== undefined) {
      await rig.admin.ensureTopic({ name: replyTopic, partitions: 1, replicationFactor: 1, config: given.replies })
    }
    runner.routes.outlets.set(outlet)
    await rig.consuming(runner, uid)
    await this.#send(given, uid)
    const snapshot = await this.#end(uid, given.ends ?? 1)
    const tries = this.#at(`/${uid}`)
    const outcome: Outcome = {
      tries,
      dead: this.#at(`/${uid}/dead?x=1`),
      strays: subscriber.got.filter(({ path }) => path.startsWith(`/${uid}/`) && path !== `/${uid}/dead?x=1`),
      waits: tries.slice(1).map((got, i) => got.at - (tries[i]?.at ?? 0)),
      parked: await this.#stored(outlet.parking?.topic ?? ''),
      replies: given.replies === undefined ? [] : await this.#stored(replyTopic),
      snapshot,
      fault: runner.reports.findLast((report) => report.uid === uid)?.fault ?? null,
      url: `${subscriber.url}/${uid}`,
      trigger: `${outlet.source.namespace}/${outlet.source.name}`,
      ...{ deadLetterUrl, replyTopic, parkingTopic: outlet.parking?.topic ?? '' },
    }
    runner.routes.outlets.delete(uid)
    return outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mill[Symbol.asyncDispose]()
  }

  #at(path: string): readonly Got[] {
    return this.mill.subscriber.got.filter((got) => got.path === path)
  }

  async #send({ event = {}, record }: Play, uid: string): Promise<void> {
    const { rig } = this.mill
    if (record !== undefined) {
      await rig.appender.append({ topic: rig.topic, partition: 0, key: null, ...record })
      return
    }
    const headers = { ...ce, 'ce-id': uid, 'ce-source': '/sender', 'ce-type': uid, ...event.headers }
    const { status, body } = await this.mill.send({ headers, body: event.body ?? 'x' })
    if (status !== 202) throw new Error(`the ingress answered ${status}: ${body}`)
  }

  #end(uid: string, count: number): Promise<OutletSnapshot> {
    return eventually(`the event of ${uid} has found its end`, () => {
      const one = this.mill.runner.dispatcher.snapshot().outlets.find((outlet) => outlet.uid === uid)
      const idle = one?.partitions.every(({ inFlight }) => inFlight === 0) === true
      return one !== undefined && idle && one.delivered + one.parked + one.dropped >= count ? one : null
    })
  }

  async #stored(topic: string): Promise<readonly Stored[]> {
    const { rig } = this.mill
    if ((await rig.admin.describeTopics([topic])).length === 0) return []
    const records = await rig.records(topic)
    return records.map(({ headers, key, value }) => ({
      headers: Object.fromEntries(headers.map(([name, bytes]) => [name, String(bytes)])),
      key: key === null ? null : String(key),
      value,
    }))
  }
}
