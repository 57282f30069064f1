import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { RememberedAnswer } from '../../contract/lineage.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { Journal } from '../../telemetry/journal/journal.ts'
import { JournalMetrics } from '../../telemetry/journal/journal-metrics.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { ServedMetrics } from '../metrics/serve.ts'
import { LineageAnswers, type LineageAnswersParts } from './answers.ts'
import type { LineageFlags } from './flags.ts'
import { WorkerLineage } from './worker-lineage.ts'

/** Who asks, and of what. */
type Asking = Pick<LineageAnswersParts, 'territory' | 'standings' | 'open'>

/** Lineage of a process, from its start to its end. */
export interface Lineage extends AsyncDisposable {
  /** Where it is noted; absent: it is off. */
  readonly noted: WorkerLineage | undefined
  /** From now on it can say where events are; before that whoever asks is told to come again. */
  serve(asking: Asking): void
  /** Answers a request for a path below /lineage. Never throws. */
  answer(request: IncomingMessage, response: ServerResponse, url: URL): void
}

interface LineageParts {
  readonly role: RememberedAnswer['role']
  /** As whoever asks shall know it: of a pod, its name. */
  readonly worker: string
  /** Absent: it is off. */
  readonly flags: LineageFlags | undefined
  readonly logger: Logger
  readonly metrics: Pick<ServedMetrics, 'meters' | 'handle'>
}

/** Of the end of a process this much is for what is not written yet, milliseconds. */
const closeMs = 1_000

/** Begins to remember, and answers at `/lineage` of the port of metrics. A folder that cannot be written to takes nothing but memory away. */
export function openLineage(parts: LineageParts): Lineage {
  const lineage = parts.flags === undefined ? off : begin(parts, parts.flags)
  parts.metrics.handle('/lineage', (request, response, url) => lineage.answer(request, response, url))
  return lineage
}

function begin({ role, worker, logger, metrics }: LineageParts, flags: LineageFlags): Lineage {
  const { folder, bounds, access } = flags
  const journal = new Journal({ folder: join(folder, folderOf(role, worker)), bounds, clock, logger })
  metrics.meters?.metrics.add(new JournalMetrics(journal))
  const noted = new WorkerLineage(journal, clock)
  let answers: LineageAnswers | null = null
  return {
    noted,
    serve: (asking) => {
      answers = new LineageAnswers({ ...asking, worker, role, lineage: noted, access, clock, logger })
    },
    answer: (request, response, url) => {
      if (answers === null) say(response, 503, 'it starts: ask again in some seconds')
      else void answers.answer(request, response, url)
    },
    [Symbol.asyncDispose]: () => journal.close(closeMs),
  }
}

/** Of two that are given one folder each has its own. */
function folderOf(role: RememberedAnswer['role'], worker: string): string {
  return role === 'dispatcher' ? `${role}-${worker}` : role
}

const off: Lineage = {
  noted: undefined,
  serve: () => undefined,
  answer: (_request, response) => {
    const where = 'key lineage of ConfigMap config-millrace, or --lineage where there is none'
    say(response, 501, `lineage is switched off here: ${where}`)
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
