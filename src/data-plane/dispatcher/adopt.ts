import { Fault } from '../../core/fault.ts'
import type { PositionVault } from '../../contract/route-source.ts'
import type { LogAdmin, Position, Positions } from '../../kafka/log.ts'

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
 * on from the vault.
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
  const saved = await parts.vault.load(group)
  const { kind, liveMembers } = await parts.admin.describeGroup(group, parts.signal)
  if (liveMembers > 0) {
    throw new Fault(
      'GroupInUse',
      `Consumer group ${group} has ${liveMembers} live members that are not ours: stop them.`,
    )
  }
  if (saved === null && kind !== 'consumer') return true
  if (!mine) return false
  let kept = saved === null ? [] : parse(saved)
  if (kind === 'consumer') {
    // not deleted yet, so what it holds is at least as new as what was saved
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    kept = [...((await parts.positions.fetch(new Map([[group, all]]))).get(group) ?? [])]
    await parts.vault.save(group, format(kept))
    await parts.admin.deleteGroup(group, parts.signal)
  }
  await giveBack(group, kept, parts)
  await parts.vault.remove(group)
  return true
}

async function giveBack(group: string, kept: readonly Position[], parts: AdoptionParts): Promise<void> {
  if (kept.length === 0) return
  await parts.positions.commit(group, kept)
  const found = (await parts.positions.fetch(new Map([[group, kept]]))).get(group) ?? []
  for (const position of kept) {
    const proof = found.find((one) => one.topic === position.topic && one.partition === position.partition)
    if (proof?.offset !== position.offset) {
      throw new Fault(
        'LogRefused',
        `Group ${group} does not show the position that was committed on partition ${position.partition}.`,
      )
    }
  }
}

function format(positions: readonly Position[]): string {
  return JSON.stringify(positions.map((position) => ({ ...position, offset: String(position.offset) })))
}

function parse(text: string): Position[] {
  const list = JSON.parse(text) as (Omit<Position, 'offset'> & { offset: string })[]
  return list.map((position) => ({ ...position, offset: BigInt(position.offset) }))
}
