import { readFileSync } from 'node:fs'
import { parseManifests, type Manifests } from '../api/manifest.ts'
import { formatProblem } from '../api/problem.ts'
import type { CheckFlags } from './flags.ts'
import { readFiles } from './watched-files.ts'

/**
 * `millrace check`: says what is wrong in manifests, as `millrace dev` and admission would, without applying anything. Reads standard input
 * for `-`. @returns whether there is no error. @throws the system's error when a path cannot be read.
 */
export function check({ filename, namespace }: CheckFlags): boolean {
  const paths = filename.filter((path) => path !== '-')
  const stdin = paths.length < filename.length ? [{ file: 'stdin', text: readFileSync(0, 'utf8') }] : []
  const manifests = parseManifests([...stdin, ...readFiles(paths)], { defaultNamespace: namespace })
  for (const problem of manifests.problems) {
    console.log(`${problem.severity === 'error' ? 'error' : 'notice'}: ${formatProblem(problem)}`)
  }
  console.log(summary(manifests))
  return manifests.problems.every(({ severity }) => severity !== 'error')
}

function summary({ objects, problems }: Manifests): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const ours = objects.filter(({ kind }) => kind !== 'other').length
  const others = objects.length - ours
  const beside = others === 0 ? '' : `, ${others} of other kinds not looked into`
  const right = `${ours} ${ours === 1 ? 'object' : 'objects'} right${beside}`
  return errors === 0 ? right : `${errors} ${errors === 1 ? 'error' : 'errors'}; ${right}`
}
