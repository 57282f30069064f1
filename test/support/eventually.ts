import { setTimeout as sleep } from 'node:timers/promises'

/** How long to wait. */
export interface Patience {
  /** Milliseconds until we give up. Generous: a test that passes never waits for it. */
  readonly withinMs?: number
  /** From look to look. By default a tenth of the time that was waited, 20 to 100: looks cost whoever is looked at. */
  readonly everyMs?: number
}

/**
 * Waits until `check` gives something: not false, null or undefined, and not an error; then gives that.
 *
 *     const owner = await eventually('partition 0 has an owner', () => fleet.ownerOf(0))
 *
 * @throws Error that names what was waited for, how long, and what was seen last.
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  patience: Patience = {},
): Promise<Given<T>> {
  return repeat(what, patience, async () => {
    const value = await check()
    return value === false || value === null || value === undefined
      ? { done: false, instead: String(value) }
      : { done: true, value: value as Given<T> }
  })
}

/**
 * Waits until `assertion` no longer throws.
 *
 *     await eventuallyPasses('the page shows three events', () => expect(page.events).toHaveLength(3))
 *
 * @throws Error as {@link eventually} does, with the last failure as its cause.
 */
export async function eventuallyPasses(
  what: string,
  assertion: () => void | Promise<void>,
  patience: Patience = {},
): Promise<void> {
  await repeat(what, patience, async () => {
    await assertion()
    return { done: true, value: undefined }
  })
}

type Given<T> = Exclude<T, false | null | undefined>
type Seen<T> = { done: true; value: T } | { done: false; instead: string; cause?: unknown }

async function repeat<T>(
  what: string,
  { withinMs = 60_000, everyMs }: Patience,
  look: () => Promise<Seen<T>>,
): Promise<T> {
  const start = performance.now()
  for (let attempts = 1; ; attempts += 1) {
    const seen = await look().catch(failed)
    if (seen.done) return seen.value
    const passed = Math.round(performance.now() - start)
    if (passed >= withinMs) {
      const story = `gave up after ${passed} ms and ${attempts} attempts: ${what}; last seen: ${seen.instead}`
      throw new Error(story, { cause: seen.cause })
    }
    await sleep(everyMs ?? Math.min(100, Math.max(20, passed / 10)))
  }
}

function failed(error: unknown): Seen<never> {
  return { done: false, instead: error instanceof Error ? error.message : String(error), cause: error }
}
