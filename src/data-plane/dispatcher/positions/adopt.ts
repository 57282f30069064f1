import { Fault } from '../../../core/fault.ts'
import type { PositionVault } from '../../../contract/route-source.ts'
import type { LogAdmin, Position, Positions, TopicPartition } from '../../../kafka/log.ts'

export interface AdoptionParts {
  readonly admin: LogAdmin
  readonly positions: Positions
  readonly vault: PositionVault
  readonly signal: AbortSignal
}

/**
 * A group that ever had members loses its offsets some days after it became empty, however often we commit; one made by plain commits keeps
 * them. So such a group is made anew, with its positions:
 *
 *     consumer ─► save in the vault ─► delete the group ─► commit them back ─► read them back ─► empty the vault ─► simple
 *
 * The vault holds the positions from before the deletion until after the proof, so a crash at any step loses nothing: the next start goes
 * on from the vault. Owners of other partitions may be at work on the group meanwhile: what they commit after the deletion stays.
 *
 * @param mine whether this process owns the partition whose owner does it (the lowest); the others wait.
 * @returns false: someone else is at it, or will be; ask again.
 * @throws Fault GroupInUse while the group has live members; LogUnavailable and others of the log; errors of the vault.
 */
export async function adopt(
  group: string,
  topic: string,
  partitions: number,
  mine: boolean,
  parts: AdoptionParts,
): Promise<boolean> {
  const { kind, liveMembers } = await parts.admin.describeGroup(group, parts.signal)
  if (liveMembers > 0) {
    throw new Fault(
      'GroupInUse',
      `Consumer group ${group} has ${liveMembers} live members that are not ours: stop them.`,
    )
  }
  // after the look at the group: who finds it deleted finds its positions here, and does not take it for a new one
  const saved = await parts.vault.load(group)
  if (saved === null && kind !== 'consumer') return true
  if (!mine) return false
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  let kept = (saved === null ? [] : parse(saved)).filter((one) => places.some((place) => isAt(one, place)))
  if (kind === 'consumer') {
    kept = merge(kept, await held(group, places, parts))
    await parts.vault.save(group, format(kept))
    await parts.admin.deleteGroup(group, parts.signal)
  }
  await giveBack(group, kept, parts)
  await parts.vault.remove(group)
  return true
}

async function giveBack(group: string, kept: readonly Position[], parts: AdoptionParts): Promise<void> {
  if (kept.length === 0) return
  const found = await held(group, kept, parts)
  const missing = kept.filter((position) => !covers(found, position))
  if (missing.length > 0) await parts.positions.commit(group, missing)
  const proof = await held(group, kept, parts)
  const lost = kept.find((position) => !covers(proof, position))
  if (lost === undefined) return
  throw new Fault(
    'LogRefused',
    `Group ${group} does not show the position that was committed on partition ${lost.partition}.`,
  )
}

async function held(
  group: string,
  places: readonly TopicPartition[],
  parts: AdoptionParts,
): Promise<readonly Position[]> {
  return (await parts.positions.fetch(new Map([[group, places]]))).get(group) ?? []
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
