import type { OutletRun } from './delivering/outlet-run.ts'

/** The Outlets of this process by group: several may share one, each with a topic of its own. */
export class Siblings {
  /** Few share one: a list for each takes the least memory. */
  readonly #groups = new Map<string, readonly OutletRun[]>()

  add(run: OutletRun): void {
    this.#groups.set(run.outlet.group, [...this.of(run.outlet.group), run])
  }

  remove(run: OutletRun): void {
    const { group } = run.outlet
    const others = this.of(group).filter((other) => other !== run)
    if (others.length > 0) this.#groups.set(group, others)
    else this.#groups.delete(group)
  }

  of(group: string): readonly OutletRun[] {
    return this.#groups.get(group) ?? []
  }

  /** The topic whose owner speaks for the group: the first by name of those that are there. */
  firstTopic(group: string, exists: (topic: string) => boolean): string | undefined {
    let first: string | undefined
    for (const { outlet } of this.of(group)) {
      if (exists(outlet.topic) && (first === undefined || outlet.topic < first)) first = outlet.topic
    }
    return first
  }
}
