import { staleReference, writeReference } from './reference.ts'

/** `node src/cli/reference/main.ts write|compare FOLDER`: for `make generate` and `make check`. */
const [act, folder = 'docs/reference'] = process.argv.slice(2)
if (act === 'write') writeReference(folder)
else {
  const stale = staleReference(folder)
  for (const file of stale) console.log(`${file} is stale: make generate`)
  process.exitCode = stale.length === 0 ? 0 : 1
}
