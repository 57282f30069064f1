const suffixes: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
}

/** What a Kubernetes quantity says: `100m` and `0.1` are 0.1. Undefined when it is none. */
function quantityOf(value: unknown): number | undefined {
  const found = /^([+-]?[\d.]+)(?:[eE]([+-]?\d+)|([A-Za-z]{0,2}))$/.exec(String(value))
  const factor = found?.[2] === undefined ? suffixes[found?.[3] ?? ''] : 10 ** Number(found[2])
  const number = Number(found?.[1]) * (factor ?? Number.NaN)
  return Number.isNaN(number) ? undefined : number
}

/** Whether two values are quantities, and the same one. */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const [left, right] = [quantityOf(a), quantityOf(b)]
  // 0.1 and 100 · 1e-3 differ in the last bit.
  return left !== undefined && right !== undefined && Math.abs(left - right) <= Math.abs(left) * 1e-12
}
