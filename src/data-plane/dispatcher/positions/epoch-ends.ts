import type { LeaderEpoch, LogReader } from '../../../kafka/log.ts'

type Asked = Map<string, LeaderEpoch>
type Ends = ReadonlyMap<string, number>

/** Asks how far leader epochs reach: of a topic, whatever the number of Outlets that ask in one turn of the event loop, each once. */
export class EpochEnds {
  readonly #reader: Pick<LogReader, 'epochEnds'>
  /** What is gathered in this turn, by topic: what is wrong with one is no other's business. */
  readonly #gathering = new Map<string, { readonly asked: Asked; readonly answer: Promise<Ends> }>()

  constructor(reader: Pick<LogReader, 'epochEnds'>) {
    this.#reader = reader
  }

  /** @returns where the log ends that an epoch is of; undefined where that cannot be known. @throws Fault as `LogReader.epochEnds`. */
  async of(topic: string, wanted: readonly LeaderEpoch[]): Promise<(at: LeaderEpoch) => number | undefined> {
    const known = wanted.filter(({ leaderEpoch }) => leaderEpoch >= 0)
    if (known.length === 0) return () => undefined
    const { asked, answer } = this.#gathering.get(topic) ?? this.#gather(topic)
    for (const at of known) asked.set(keyOf(at), at)
    const ends = await answer
    return (at) => ends.get(keyOf(at))
  }

  #gather(topic: string): { readonly asked: Asked; readonly answer: Promise<Ends> } {
    const asked: Asked = new Map()
    const { promise: turn, resolve } = Promise.withResolvers<void>()
    setImmediate(resolve)
    const answer = turn.then(async () => {
      this.#gathering.delete(topic)
      const ends = await this.#reader.epochEnds([...asked.values()])
      return new Map(ends.map((one) => [keyOf(one), Number(one.end)]))
    })
    const gathered = { asked, answer }
    this.#gathering.set(topic, gathered)
    return gathered
  }
}

function keyOf({ partition, leaderEpoch }: LeaderEpoch): string {
  return `${partition} ${leaderEpoch}`
}
