import type { ObjectName } from '../kube/client.ts'

/** An object that asks for names in Kafka. */
export interface Claimant {
  readonly key: ObjectName
  readonly uid: string
  /** RFC 3339, as Kubernetes writes it. */
  readonly createdAt: string
  /** Topics or groups. */
  readonly names: readonly string[]
  /** It has been served under them. */
  readonly holds: boolean
  /** They come of its own namespace and name; else someone wrote them down. */
  readonly derived: boolean
  /** It would share them with others of that kind. */
  readonly shares: boolean
}

/**
 * Who of several comes first: who is served already, then whose own name it is, then the older, then the smaller UID. Pure, the same in every process, and it does not
 * depend on the order in which they were seen. So nobody keeps a name from its owner by writing it into an annotation first.
 */
export function firstOf(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants.toSorted(
    (a, b) =>
      Number(b.holds) - Number(a.holds) ||
      Number(b.derived) - Number(a.derived) ||
      compare(a.createdAt, b.createdAt) ||
      compare(a.uid, b.uid),
  )[0]
}

/**
 * Which objects ask for which names in Kafka. Namespace and name are joined by a dash there, so `a-b`/`c` and `a`/`b-c` come to the same topic
 * and group. One name is taken for all Kafka clusters: a Broker may be moved from one to another.
 */
export class NameIndex {
  readonly #claimants = new Map<string, Claimant>()
  readonly #byName = new Map<string, Set<string>>()

  /** What the object of this UID asks for now; undefined: it is gone. Returns the other objects that this concerns. */
  set(uid: string, claimant: Claimant | undefined): readonly ObjectName[] {
    const before = this.#claimants.get(uid)
    for (const name of before?.names ?? []) this.#remove(name, uid)
    if (claimant === undefined) this.#claimants.delete(uid)
    else {
      this.#claimants.set(uid, claimant)
      for (const name of claimant.names) this.#add(name, uid)
    }
    return this.#others([...(before?.names ?? []), ...(claimant?.names ?? [])], uid)
  }

  /** Who has one of the names that the object of this UID asks for, where it is not for sharing; null: it may have them all. */
  takenBy(uid: string, counts: (claimant: Claimant) => boolean = () => true): ObjectName | null {
    const me = this.#claimants.get(uid)
    for (const name of me?.names ?? []) {
      const rivals = [...(this.#byName.get(name) ?? [])].flatMap((other) => this.#claimants.get(other) ?? [])
      const first =
        rivals.length > 1 ? firstOf(rivals.filter((rival) => rival.uid === uid || counts(rival))) : undefined
      if (first !== undefined && first.uid !== uid && !(first.shares && me?.shares === true)) return first.key
    }
    return null
  }

  #add(name: string, uid: string): void {
    const uids = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, uids.add(uid))
  }

  #remove(name: string, uid: string): void {
    const uids = this.#byName.get(name)
    if (uids?.delete(uid) === true && uids.size === 0) this.#byName.delete(name)
  }

  #others(names: readonly string[], uid: string): readonly ObjectName[] {
    const uids = new Set(names.flatMap((name) => [...(this.#byName.get(name) ?? [])]))
    uids.delete(uid)
    return [...uids].flatMap((other) => this.#claimants.get(other)?.key ?? [])
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
