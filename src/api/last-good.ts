import { manifestId } from './manifest.ts'
import type { Manifest, Manifests } from './manifest.ts'

/**
 * What shall be in force after files were read again: all that is valid now; and of each file with an error also what was in force from it
 * before and is not there now, since a mistake must stop nothing that works. So an object removed from a file goes once the file is clean.
 */
export function keepLastGood(previous: readonly Manifest[], next: Manifests): readonly Manifest[] {
  const broken = new Set(next.problems.filter(({ severity }) => severity === 'error').map(({ file }) => file))
  const valid = new Set(next.objects.map(manifestId))
  const kept = previous.filter((each) => broken.has(each.place.file) && !valid.has(manifestId(each)))
  return [...next.objects, ...kept]
}
