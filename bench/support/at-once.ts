/** Does something for each of 0 … count - 1, `atOnce` of them at a time. */
export async function forEach(count: number, atOnce: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, work))
}
