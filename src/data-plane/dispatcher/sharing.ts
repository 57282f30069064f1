import type { Outlet } from '../../contract/outlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import type { Membership } from '../../kafka/log.ts'
import { boundsOf, sameBounds } from './bounds.ts'

/** Outlets that are edited together are looked at together. */
const BOUNDS_MS = 50

/** Tells the fleet which partitions are shared out, and among how many at most. */
export class Sharing {
  readonly #membership: Membership
  readonly #runs: ReadonlyMap<string, { readonly outlet: Outlet }>
  readonly #unsubscribe: () => void
  #counts: ReadonlyMap<string, number> = new Map()
  #bounds: ReadonlyMap<string, number> = new Map()
  #due: NodeJS.Timeout | undefined

  /** @param runs the Outlets at work. @param outlets says when they have come, changed or gone. */
  constructor(
    membership: Membership,
    runs: ReadonlyMap<string, { readonly outlet: Outlet }>,
    outlets: Pick<RouteSet<Outlet>, 'subscribe'>,
  ) {
    this.#membership = membership
    this.#runs = runs
    this.#unsubscribe = outlets.subscribe(() => this.#mayDiffer())
  }

  /** @param counts partitions by topic. */
  share(counts: ReadonlyMap<string, number>): void {
    this.#counts = counts
    this.#bounds = this.#boundsNow()
    const all = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
    this.#membership.share(all, this.#bounds)
  }

  close(): void {
    this.#unsubscribe()
    clearTimeout(this.#due)
  }

  #mayDiffer(): void {
    this.#due ??= setTimeout(() => {
      this.#due = undefined
      // before the topics are known nothing is shared
      if (this.#counts.size > 0 && !sameBounds(this.#boundsNow(), this.#bounds)) this.share(this.#counts)
    }, BOUNDS_MS)
  }

  #boundsNow(): ReadonlyMap<string, number> {
    return boundsOf(Array.from(this.#runs.values(), ({ outlet }) => outlet))
  }
}
