import { Fault } from '../../core/fault.ts'
import { kafkaErrorName, refusalOf } from './faults.ts'
import type { Address } from './socket.ts'
import type { AnswerTo } from './versions.ts'

export type CoordinatorResponse = AnswerTo<'findCoordinator'>

/** Which broker coordinates which group, as far as it was asked for. */
export class Coordinators {
  readonly #ask: (groups: string[]) => Promise<CoordinatorResponse>
  readonly #met: (nodeId: number, address: Address) => void
  readonly #known = new Map<string, number>()
  /** Why we were not told, where waiting does not help. */
  readonly #refused = new Map<string, Fault>()

  /** @param met told the address of each coordinator. */
  constructor(
    ask: (groups: string[]) => Promise<CoordinatorResponse>,
    met: (nodeId: number, address: Address) => void,
  ) {
    this.#ask = ask
    this.#met = met
  }

  /** As Cluster.coordinators. */
  async find(groups: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const unknown = groups.filter((group) => !this.#known.has(group))
    const fault = unknown.length > 0 ? await this.#learn(unknown) : null
    const found = new Map<string, number>()
    for (const group of groups) {
      const nodeId = this.#known.get(group)
      if (nodeId !== undefined) found.set(group, nodeId)
    }
    if (found.size === 0 && fault !== null) throw fault
    return found
  }

  /** Why {@link find} left this group out. */
  whyUnknown(group: string): Fault {
    return this.#refused.get(group) ?? new Fault('LogUnavailable', `group ${group} has no coordinator now`)
  }

  forget(group: string): void {
    this.#known.delete(group)
  }

  async #learn(groups: string[]): Promise<Fault | null> {
    const response = await this.#ask(groups)
    let fault: Fault | null = null
    for (const { key, nodeId, host, port, errorCode } of response.coordinators) {
      this.#refused.delete(key)
      if (errorCode === 0) {
        this.#known.set(key, nodeId)
        this.#met(nodeId, { host, port })
      } else {
        fault = refusalOf(kafkaErrorName(errorCode), 'group', key, 'Describe', `coordinator of group ${key}`)
        if (fault.code === 'NotAuthorized') this.#refused.set(key, fault)
      }
    }
    return fault
  }
}
