import { readFileSync } from 'node:fs'
import { parseManifests, type Manifest } from '../../api/manifest.ts'
import { formatProblem, objectName, pathName, type ObjectKey } from '../../api/problem.ts'
import { explainTrigger } from '../../api/trigger-filter.ts'
import { readEventFile } from '../event-file.ts'
import { UsageError, type MatchFlags } from '../flags.ts'
import { readFiles } from '../watched-files.ts'
import { readEvents, type FoundEvent } from './read-events.ts'

/** Whether one Trigger would pass one event, and what decided. */
interface Answer {
  readonly trigger: ObjectKey
  readonly found: FoundEvent
  readonly passes: boolean
  /** `path` is that of the manifest, e.g. `filters[0].exact.type`. */
  readonly reasons: readonly { readonly path: string; readonly fact: string }[]
}

/** What `millrace match` found out. */
export type Verdict = 'all pass' | 'some do not' | 'bad input'

/**
 * `millrace match`: says for each event and each Trigger of the manifests whether it would be delivered. What is wrong with the input goes to
 * standard error. @throws UsageError; the system's error when a path cannot be read.
 */
export function match(flags: MatchFlags): Verdict {
  const triggers = readTriggers(flags)
  const events = readAllEvents(flags.event)
  if (triggers === null || events === null) return 'bad input'
  const answers = events.flatMap((found) => triggers.map((trigger) => answerOf(trigger, found)))
  for (const answer of answers) {
    console.log(flags.output === 'json' ? asJson(answer) : asText(answer, events.length > 1))
  }
  return answers.every(({ passes }) => passes) ? 'all pass' : 'some do not'
}

type Trigger = Extract<Manifest, { readonly kind: 'Trigger' }>

/** Null: there is a mistake, and it was said. */
function readTriggers({ filename, namespace }: MatchFlags): readonly Trigger[] | null {
  const { objects, problems } = parseManifests(textsOf(filename), { defaultNamespace: namespace })
  for (const problem of problems) {
    console.error(`${problem.severity === 'error' ? 'error' : 'notice'}: ${formatProblem(problem)}`)
  }
  if (problems.some(({ severity }) => severity === 'error')) return null
  const triggers = objects.filter((object) => object.kind === 'Trigger')
  if (triggers.length === 0) throw new UsageError(`there is no Trigger in ${filename.join(', ')}`)
  return triggers
}

function textsOf(paths: readonly string[]): readonly { readonly file: string; readonly text: string }[] {
  const files = readFiles(paths.filter((path) => path !== '-'))
  return paths.includes('-') ? [{ file: 'stdin', text: readFileSync(0, 'utf8') }, ...files] : files
}

/** Null: one of them is none, and it was said. */
function readAllEvents(paths: readonly string[]): readonly FoundEvent[] | null {
  const read = paths.map((path) => readEvents(readEventFile(path), path === '-' ? 'stdin' : path))
  const problems = read.flatMap((one) => ('problems' in one ? one.problems : []))
  for (const problem of problems) console.error(`error: ${problem}`)
  const events = read.flatMap((one) => ('events' in one ? one.events : []))
  if (problems.length === 0 && events.length === 0) throw new UsageError(`there is no event in ${paths.join(', ')}`)
  return problems.length > 0 ? null : events
}

function answerOf({ key, object }: Trigger, found: FoundEvent): Answer {
  const { passes, reasons } = explainTrigger(object.spec, found.event.attributes)
  return {
    trigger: key,
    found,
    passes,
    reasons: reasons.map(({ path, fact }) => ({ path: pathName(path), fact })),
  }
}

function asText({ trigger, found, passes, reasons }: Answer, several: boolean): string {
  const about = several ? `${found.place}: ${objectName(trigger)}` : objectName(trigger)
  const said = reasons.map(({ path, fact }) => `${path}: ${fact}`)
  const verdict = `${about}: ${passes ? 'passes' : 'does not pass'}`
  if (said.length === 0) return `${verdict}: no filter, every event passes`
  return said.length === 1 ? `${verdict}: ${said[0]}` : `${verdict}:${said.map((line) => `\n  ${line}`).join('')}`
}

function asJson({ trigger: { namespace, name }, found, passes, reasons }: Answer): string {
  const { attributes } = found.event
  const event = { id: attributes.get('id'), source: attributes.get('source'), place: found.place }
  return JSON.stringify({ trigger: { namespace, name }, event, passes, reasons })
}
