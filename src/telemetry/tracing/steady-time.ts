import type { Clock } from '../../core/clock.ts'

/** Further apart than this, and the wall clock was set, milliseconds. */
const setApartMs = 20

/**
 * The time of day, but finer than a millisecond and never backwards unless the wall clock is set: so that no step of a trace seems to begin before the
 * one that it follows. Returns milliseconds since 1970.
 */
export function steadyTime(clock: Clock): () => number {
  let offset = clock.now() - clock.monotonic()
  return () => {
    const at = clock.monotonic()
    const wall = clock.now()
    if (Math.abs(wall - (offset + at)) > setApartMs) offset = wall - at
    return offset + at
  }
}
