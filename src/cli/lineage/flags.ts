import { z } from 'zod'
import type { JournalBounds } from '../../telemetry/journal/files.ts'
import type { LineageAccess } from './access.ts'

/** What lineage of a worker is told. */
export interface LineageFlags {
  readonly folder: string
  readonly bounds: JournalBounds
  readonly access: LineageAccess
}

/** What is kept where nobody says how much. */
export const usualMib = 64
export const usualHours = 24

const amount = z.coerce.number({ error: 'is not a number' })
const given = z.string().min(1, 'must not be empty')

/** Flags of `ingress` and `dispatcher`. */
export const lineageShape = {
  lineage: given.optional(),
  lineageMib: amount.min(1, 'must be 1 to 65536').max(65_536, 'must be 1 to 65536').default(usualMib),
  lineageHours: amount.positive('must be more than 0').max(8_760, 'must be 8760 or less').default(usualHours),
  lineageTokenFile: given.optional(),
}

interface Given {
  readonly lineage?: string | undefined
  readonly lineageMib: number
  readonly lineageHours: number
  readonly lineageTokenFile?: string | undefined
}

/** @param where in a pod, or at which address. @returns undefined: it is off. */
export function lineageFlags(
  { lineage, lineageMib, lineageHours, lineageTokenFile }: Given,
  where: { readonly inPod: boolean; readonly host: string },
): LineageFlags | undefined {
  if (lineage === undefined) return undefined
  const access =
    lineageTokenFile === undefined ? withoutToken(where) : ({ kind: 'token', file: lineageTokenFile } as const)
  return { folder: lineage, bounds: boundsOf(lineageMib, lineageHours), access }
}

export function boundsOf(mib: number, hours: number): JournalBounds {
  return { bytes: Math.floor(mib * 1024 * 1024), ageMs: hours * 3_600_000 }
}

/** Programs of this machine may read its files anyway; who comes from outside shows who he is. */
function withoutToken({ inPod, host }: { readonly inPod: boolean; readonly host: string }): LineageAccess {
  if (!inPod && isLoopback(host)) return { kind: 'loopback' }
  const who = inPod ? 'a worker in a pod' : `a worker that listens on ${host}`
  return { kind: 'closed', why: `${who} tells lineage to nobody without --lineage-token-file` }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
