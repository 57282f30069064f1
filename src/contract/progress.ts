import { fates, type Fate, type ProgressStatus, type Undelivered } from '../api/meta/progress.ts'
import type { OutletShare, OutletStatus } from './outlet.ts'

/** Two digits: a rate that trembles is no news. */
export function roundedRate(perSecond: number): number {
  return Number(perSecond.toPrecision(2))
}

/**
 * How far an object is: its Outlets, and what each dispatcher did for them, together. Pure.
 *
 * @param live the dispatchers that live: what one that has gone said of its rate holds no longer. Absent: all.
 */
export function progressOf(
  outlets: readonly (Pick<OutletStatus, 'progress' | 'shares'> | undefined)[],
  live?: ReadonlySet<string>,
): ProgressStatus {
  const lags = outlets.flatMap((outlet) => outlet?.progress?.lag ?? [])
  const told = outlets.flatMap((outlet) => Object.entries(outlet?.shares ?? {}))
  if (lags.length === 0 && told.length === 0) return {}
  const shares = told.map(([, share]) => share)
  const rates = told.map(([worker, { rate = 0 }]) => (live === undefined || live.has(worker) ? rate : 0))
  const lastDelivery = latest(shares.flatMap(({ lastDelivery: time }) => (time === undefined ? [] : [{ time }])))
  const lastError = latest(shares.flatMap((share) => share.lastError ?? []))
  const undelivered = undeliveredOf(shares)
  const replied = sum(shares.map((share) => share.replied ?? 0))
  return {
    ...(lags.length === 0 ? {} : { lag: sum(lags) }),
    rate: roundedRate(sum(rates)),
    ...(lastDelivery === undefined ? {} : { lastDelivery: lastDelivery.time }),
    ...(lastError === undefined ? {} : { lastError }),
    ...(undelivered === undefined ? {} : { undelivered }),
    ...(replied === 0 ? {} : { replied }),
  }
}

function undeliveredOf(shares: readonly OutletShare[]): Undelivered | undefined {
  const all = shares.flatMap(({ undelivered }) => undelivered ?? [])
  if (all.length === 0) return undefined
  const last = latest(all.flatMap((each) => each.last ?? []))
  return { ...counts((fate) => sum(all.map((each) => each[fate] ?? 0))), ...(last === undefined ? {} : { last }) }
}

/** By fate; those that are 0 are left out. */
export function counts(of: (fate: Fate) => number): Partial<Record<Fate, number>> {
  return Object.fromEntries(fates.map((fate) => [fate, of(fate)] as const).filter(([, count]) => count > 0))
}

function latest<T extends { readonly time: string }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>((a, b) => (a === undefined || b.time > a.time ? b : a), undefined)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
