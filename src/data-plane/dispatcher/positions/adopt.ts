import { Fault } from '../../../core/fault.ts'
import type { PositionVault } from '../../../contract/route-source.ts'
import type { LogAdmin, Position, Positions, TopicPartition } from '../../../kafka/log.ts'

export interface AdoptionParts {
  readonly admin: LogAdmin
  readonly positions: Positions
  readonly vault: PositionVault
  readonly signal: AbortSignal
  /** What Outlets of this group read: positions there are ours to commit. */
  readonly topics: ReadonlySet<string>
}

/** What became of a group that was to keep its positions. */
export type Adoption =
  | { readonly kind: 'adopted' }
  /** Someone else is at it, or will be: ask again. `begun`: it is certain that somebody is. */
  | { readonly kind: 'waits'; readonly begun: boolean }
  /** It was left as it is, and loses its positions some day; `why` is a sentence's part for people. */
  | { readonly kind: 'refused'; readonly why: string }

const adopted: Adoption = { kind: 'adopted' }

/** A ConfigMap takes 1 MiB, its other parts and JSON's escapes included. Some 5,000 positions. */
const mostVaultChars = 700_000

/**
 * A group that ever had members loses its offsets some days after it became empty, however often we commit; one made by plain commits keeps
 * them. So such a group is made anew, with its positions on all topics, also on those that we do not read:
 *
 *     consumer ─► may we? ─► save in the vault ─► delete the group ─► commit them back ─► read them back ─► empty the vault ─► simple
 *
 * The vault holds the positions from before the deletion until after the proof, so a crash at any step loses nothing: the next start goes
 * on from the vault. Owners of other partitions may be at work on the group meanwhile: what they commit after the deletion stays.
 *
 * @param mine whether this process owns the partition whose owner does it; the others wait.
 * @throws Fault GroupInUse while the group has live members; LogUnavailable and others of the log; errors of the vault.
 */
export async function adopt(group: string, mine: boolean, parts: AdoptionParts): Promise<Adoption> {
  const kind = await kindOf(group, parts)
  // after the look at the group: who finds it deleted finds its positions here, and does not take it for a new one
  const saved = await parts.vault.load(group)
  if (saved === null && kind !== 'consumer') return adopted
  if (!mine) return { kind: 'waits', begun: saved !== null }
  let kept = saved === null ? [] : parse(saved)
  if (kind === 'consumer') {
    kept = merge(kept, await parts.positions.all(group))
    const why = await makeAnew(group, kept, parts)
    // what an attempt before had saved is given back all the same
    if (why !== null && saved !== null)
      await giveBack(
        group,
        kept.filter(({ topic }) => parts.topics.has(topic)),
        parts,
      )
    if (why !== null) return { kind: 'refused', why }
  }
  await giveBack(group, kept, parts)
  await parts.vault.remove(group)
  return adopted
}

async function kindOf(group: string, { admin, signal }: AdoptionParts): Promise<'missing' | 'simple' | 'consumer'> {
  const { kind, liveMembers } = await admin.describeGroup(group, signal)
  if (liveMembers === 0) return kind
  throw new Fault('GroupInUse', `Consumer group ${group} has ${liveMembers} live members that are not ours: stop them.`)
}

/** Saves the positions and deletes the group. @returns why it was not done; null: it was, by us or by another one. */
async function makeAnew(group: string, kept: readonly Position[], parts: AdoptionParts): Promise<string | null> {
  const text = format(kept)
  if (text.length > mostVaultChars) return `its ${kept.length} positions are more than we can keep safe meanwhile`
  const refused = (await maySee(parts)) ?? (await mayCommit(group, kept, parts))
  if (refused !== null) return refused
  await parts.vault.save(group, text)
  // another process may take itself for the one who does it, for a moment, and have done it
  if ((await kindOf(group, parts)) !== 'consumer') return null
  try {
    await parts.admin.deleteGroup(group, parts.signal)
    return null
  } catch (error) {
    if (!isForbidden(error)) throw error
    // nothing was lost, so nothing is to be given back
    await parts.vault.remove(group)
    return 'it may not delete it'
  }
}

/** Kafka hides positions on topics that we may not see: those of its Outlets would be lost. Of topics of others nobody can tell. */
async function maySee({ admin, topics, signal }: AdoptionParts): Promise<string | null> {
  try {
    await admin.describeTopics([...topics], signal)
    return null
  } catch (error) {
    if (!isForbidden(error)) throw error
    return `it may not see all topics whose positions it has to keep (${error.message.replace(/\.$/, '')})`
  }
}

/** Whether what the group holds on topics of others could be given back: tried while nothing can be lost. */
async function mayCommit(group: string, kept: readonly Position[], parts: AdoptionParts): Promise<string | null> {
  const foreign = kept.filter(({ topic }) => !parts.topics.has(topic))
  try {
    const there = await standing(foreign, parts)
    if (there.length > 0) await parts.positions.commit(group, there)
    return null
  } catch (error) {
    if (!isForbidden(error)) throw error
    return 'it may not commit all positions that the group has'
  }
}

/** Without those on topics and partitions that are no more: nobody could commit them. */
async function standing(kept: readonly Position[], { admin, signal }: AdoptionParts): Promise<readonly Position[]> {
  if (kept.length === 0) return kept
  const topics = await admin.describeTopics([...new Set(kept.map(({ topic }) => topic))], signal)
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions]))
  return kept.filter(({ topic, partition }) => partition < (counts.get(topic) ?? 0))
}

async function giveBack(group: string, saved: readonly Position[], parts: AdoptionParts): Promise<void> {
  const kept = await standing(saved, parts)
  if (kept.length === 0) return
  const found = await held(group, kept, parts)
  const missing = kept.filter((position) => !covers(found, position))
  if (missing.length > 0) await parts.positions.commit(group, missing)
  const proof = await held(group, kept, parts)
  const lost = kept.find((position) => !covers(proof, position))
  if (lost === undefined) return
  throw new Fault(
    'LogRefused',
    `Group ${group} does not show the position that was committed on partition ${lost.partition} of topic ${lost.topic}.`,
  )
}

async function held(
  group: string,
  places: readonly TopicPartition[],
  parts: AdoptionParts,
): Promise<readonly Position[]> {
  return (await parts.positions.fetch(new Map([[group, places]]))).get(group) ?? []
}

function isForbidden(error: unknown): error is Fault {
  return error instanceof Fault && error.code === 'NotAuthorized'
}

/** Whether the group stands there, or further: others have gone on. */
function covers(found: readonly Position[], kept: Position): boolean {
  return found.some((one) => isAt(one, kept) && one.offset >= kept.offset)
}

/** What the group holds is at least as new as what an attempt before had saved; what it holds no more may still be in there. */
function merge(saved: readonly Position[], now: readonly Position[]): Position[] {
  return [...now, ...saved.filter((position) => !now.some((one) => isAt(one, position)))]
}

function isAt(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}

function format(positions: readonly Position[]): string {
  return JSON.stringify(positions.map((position) => ({ ...position, offset: String(position.offset) })))
}

function parse(text: string): Position[] {
  const list = JSON.parse(text) as (Omit<Position, 'offset'> & { offset: string })[]
  return list.map((position) => ({ ...position, offset: BigInt(position.offset) }))
}
