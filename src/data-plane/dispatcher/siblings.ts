import type { OutletRun } from './delivering/outlet-run.ts'

/** The Outlets of this process by group: several may share one, each with a topic of its own. */
export class Siblings {
  readonly #groups = new Map<string, Set<OutletRun>>()

  add(run: OutletRun): void {
    const { group } = run.outlet
    const runs = this.#groups.get(group)
    if (runs === undefined) this.#groups.set(group, new Set([run]))
    else runs.add(run)
  }

  remove(run: OutletRun): void {
    const { group } = run.outlet
    const runs = this.#groups.get(group)
    runs?.delete(run)
    if (runs?.size === 0) this.#groups.delete(group)
  }

  of(group: string): readonly OutletRun[] {
    return [...(this.#groups.get(group) ?? [])]
  }

  /** The topic whose owner speaks for the group: the first by name of those that are there. */
  firstTopic(group: string, exists: (topic: string) => boolean): string | undefined {
    let first: string | undefined
    for (const { outlet } of this.#groups.get(group) ?? []) {
      if (exists(outlet.topic) && (first === undefined || outlet.topic < first)) first = outlet.topic
    }
    return first
  }
}
