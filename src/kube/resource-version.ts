/** Whether version `a` came after version `b`. Kubernetes 1.35 states that versions of one kind are comparable as integers of any size. */
export function isAfter(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}
