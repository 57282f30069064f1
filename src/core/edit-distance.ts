/** How many single-character edits (insert, delete, replace, swap of neighbours) lead from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}

/** The candidate that was probably meant: at most a quarter of the letters wrong (case does not count), or null. */
export function didYouMean(written: string, candidates: Iterable<string>): string | null {
  const wanted = written.toLowerCase()
  let best: string | null = null
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const tolerated = Math.max(1, Math.floor(Math.max(written.length, candidate.length) / 4))
    // no fewer edits than that: so a text of a megabyte costs nothing
    if (Math.abs(written.length - candidate.length) > tolerated) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance <= tolerated && distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}
