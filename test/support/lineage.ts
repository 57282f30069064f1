import {
  FindLine,
  RememberedAnswer,
  StandingAnswer,
  type FoundRecord,
  type LogPlace,
} from '../../src/contract/lineage.ts'
import type { Child } from './child.ts'
import { millrace, ownFolder, type RoutesFile } from './millrace.ts'

type Query = Readonly<Record<string, string | number | undefined>>

/** What a worker tells of events, as whoever asks over HTTP sees it. */
export class LineageClient {
  /** Of the port of metrics, or of the display. */
  readonly base: string
  readonly #headers: Readonly<Record<string, string>>

  constructor(base: string, headers: Readonly<Record<string, string>> = {}) {
    this.base = base
    this.#headers = headers
  }

  get(path: string, query: Query = {}, signal?: AbortSignal): Promise<Response> {
    const url = new URL(this.base + path)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value))
    return fetch(url, { headers: this.#headers, ...(signal === undefined ? {} : { signal }) })
  }

  async remembered(id: string, source?: string): Promise<RememberedAnswer> {
    return RememberedAnswer.parse(await this.#json('/lineage', { id, source }))
  }

  async standing(place: LogPlace, cluster?: string): Promise<StandingAnswer> {
    return StandingAnswer.parse(await this.#json('/lineage/standing', { ...place, cluster }))
  }

  async find(query: Query): Promise<readonly FindLine[]> {
    const response = await this.get('/lineage/find', query)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${response.status} ${text}`)
    return text
      .trimEnd()
      .split('\n')
      .map((line) => FindLine.parse(JSON.parse(line)))
  }

  async found(query: Query): Promise<readonly FoundRecord[]> {
    return (await this.find(query)).flatMap((line) => (line.kind === 'found' ? [line.record] : []))
  }

  async #json(path: string, query: Query): Promise<unknown> {
    const response = await this.get(path, query)
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    return response.json()
  }
}

/** A worker that remembers. */
export interface Rememberer extends AsyncDisposable {
  readonly child: Child
  readonly lineage: LineageClient
}

interface WorkerParts {
  readonly routes: RoutesFile
  readonly kafka: string
  /** Where it remembers. */
  readonly folder: string
  readonly more?: readonly string[]
}

/** An ingress worker that remembers, listening. `url`: of Broker test/default. */
export async function startIngressWithLineage(parts: WorkerParts): Promise<Rememberer & { readonly url: string }> {
  const child = millrace('ingress', ...flagsOf(parts), '--port', '0')
  const line = await child.line('ingress ')
  return { ...(await rememberer(child)), url: `${line.slice('ingress '.length)}/test/default` }
}

/** A dispatcher worker that remembers. */
export async function startDispatcherWithLineage(
  parts: WorkerParts & { readonly instance: string; readonly group: string },
): Promise<Rememberer> {
  const { instance, group } = parts
  const child = millrace(
    'dispatcher',
    ...flagsOf(parts),
    '--instance',
    instance,
    '--group',
    group,
    '--data',
    ownFolder(),
  )
  return rememberer(child)
}

function flagsOf({ routes, kafka, folder, more = [] }: WorkerParts): string[] {
  return ['--routes', routes.path, '--kafka', kafka, '--metrics-port', '0', '--lineage', folder, ...more]
}

async function rememberer(child: Child): Promise<Rememberer> {
  const line = await child.line('metrics ')
  const lineage = new LineageClient(line.slice('metrics '.length).replace(/\/metrics$/, ''))
  return { child, lineage, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}
