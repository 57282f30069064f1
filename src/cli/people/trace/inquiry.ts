import { Fault } from '../../../core/fault.ts'
import type { FoundRecord } from '../../../contract/lineage.ts'
import { isFault } from '../../../kube/faults.ts'
import { find, type Search, type Spot, type Witness } from './ask.ts'
import type { Searched } from './report.ts'
import type { Silent, Way } from './way.ts'

/** What a dispatcher found in Kafka; `problem`: none could look. */
interface Found {
  readonly records: readonly FoundRecord[]
  readonly read: number
  readonly bounded: boolean
  readonly problem?: string
  /** Another dispatcher would say the same. */
  readonly final?: boolean
}

/** Asks those who remember. Who does not answer is noted, and not asked again. */
export class Inquiry {
  readonly way: Way
  readonly #silent = new Map<string, Silent>()
  readonly searched: Searched[] = []
  /** What is being done now, for who waits. */
  doing = ''
  /** The API server does not let us through to pods. */
  forbidden = false

  constructor(way: Way) {
    this.way = way
    for (const each of way.silent) this.#silent.set(each.name, each)
  }

  get silent(): readonly Silent[] {
    return [...this.#silent.values()]
  }

  /** Those who can still be asked. */
  get witnesses(): readonly Witness[] {
    return this.way.witnesses.filter(({ name }) => !this.#silent.has(name))
  }

  /** Who reads Kafka. */
  get dispatchers(): readonly Witness[] {
    return this.witnesses.filter(({ role }) => role !== 'ingress')
  }

  /** All at once. */
  async each<T>(
    what: string,
    witnesses: readonly Witness[],
    ask: (witness: Witness) => Promise<T>,
  ): Promise<readonly { readonly witness: Witness; readonly answer: T }[]> {
    let answered = 0
    const tell = (): void => void (this.doing = `${what}: ${answered} of ${witnesses.length} workers have answered`)
    tell()
    const answers = await Promise.all(
      witnesses.map(async (witness) => {
        const answer = await this.#noted(witness, () => ask(witness))
        answered += 1
        tell()
        return answer === null ? [] : [{ witness, answer: answer.value }]
      }),
    )
    return answers.flat()
  }

  /** Has one worker look into Kafka, the next one where that cannot: dispatchers know topics that are read, ingresses those of Brokers. */
  async look(what: Spot | Search): Promise<Found> {
    let problem = 'no worker can be asked'
    const ingresses = this.witnesses.filter(({ role }) => role === 'ingress')
    for (const witness of [...this.dispatchers, ...ingresses]) {
      const found = await this.#noted(witness, () => this.#lookBy(witness, what))
      if (found === null) continue
      if (found.value.problem === undefined || found.value.final === true) return found.value
      problem = `${witness.name}: ${found.value.problem}`
    }
    return { records: [], read: 0, bounded: false, problem }
  }

  async #lookBy(witness: Witness, what: Spot | Search): Promise<Found> {
    const topic = 'place' in what ? what.place.topic : what.topic
    const records: FoundRecord[] = []
    this.doing = `Looking into ${topic}`
    try {
      for await (const line of find(witness, what)) {
        if (line.kind === 'found') records.push(line.record)
        if (line.kind === 'progress') this.doing = barOf(topic, line)
        if (line.kind === 'failed') {
          return { records, read: 0, bounded: false, problem: line.message, final: line.code === 'TopicNotFound' }
        }
        if (line.kind === 'done') return { records, read: line.read, bounded: line.bounded }
      }
    } catch (error) {
      if (!isFault(error, 'ApiRefused')) throw error
      // it has something against the question alone
      return { records, read: 0, bounded: false, problem: withoutName(error.message, witness) }
    }
    return { records, read: 0, bounded: true }
  }

  async #noted<T>({ name }: Witness, ask: () => Promise<T>): Promise<{ readonly value: T } | null> {
    try {
      return { value: await ask() }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.forbidden ||= error.code === 'ApiForbidden'
      this.#silent.set(name, { name, why: withoutName(error.message, { name }) })
      return null
    }
  }
}

function withoutName(message: string, { name }: Pick<Witness, 'name'>): string {
  return message.startsWith(name) ? message.slice(name.length).replace(/^:? /, '') : message
}

function barOf(topic: string, { read, of }: { readonly read: number; readonly of: number }): string {
  if (of <= 0) return `Looking into ${topic}`
  const share = Math.min(100, Math.floor((read / of) * 100))
  return `${'█'.repeat(Math.floor(share / 5)).padEnd(20, '░')} ${share} % of ${topic}, ${read} records read`
}
