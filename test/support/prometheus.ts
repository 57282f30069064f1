import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import type { Json } from './api-request.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-ports.ts'

const run = promisify(execFile)
const need = join(import.meta.dirname, '..', 'env', 'need')

/** Ends with our standard input, so also when the test run is killed. */
const hold = 'prometheus "$@" 2>&1 & pid=$!; cat >/dev/null; kill $pid; wait $pid'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** A real Prometheus on loopback. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string
  /** The answer to an instant query. @throws Error with its words when Prometheus does not take the query. */
  query(expr: string): Promise<readonly Sample[]>
  get(path: string): Promise<Json>
}

/** @throws Error that says in one line how to get Prometheus. */
export async function needPrometheus(): Promise<void> {
  await run(need, ['prometheus', 'promtool']).catch((error: { stderr?: string }) => {
    throw new Error(error.stderr?.trim() ?? 'no Prometheus')
  })
}

/** What promtool prints. @throws Error with that when it is not content. */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const child = run('promtool', [...args])
  child.child.stdin?.end(input)
  try {
    const { stdout, stderr } = await child
    return stdout + stderr
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error })
  }
}

/** Starts one that scrapes these addresses (`host:port`) each second. @param rules files with rules, absolute. */
export async function startPrometheus(targets: readonly string[], rules: readonly string[] = []): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
  const config = join(dir, 'prometheus.yml')
  writeFileSync(
    config,
    stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: rules,
      scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets }] }],
    }),
  )
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'data')}`]
  flags.push(`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn')
  const child = spawn('bash', ['-c', hold, 'prometheus', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] })
  let words = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (words += text))
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const get = async (path: string): Promise<Json> => {
    const answer = await fetch(`${url}${path}`)
    const body: Json = await answer.json()
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`)
    return body.data
  }
  await eventually('Prometheus is ready', async () => (await fetch(`${url}/-/ready`)).ok).catch((error: unknown) => {
    child.stdin.end()
    throw new Error(`Prometheus does not start: ${words}`, { cause: error })
  })
  return {
    url,
    get,
    query: async (expr) => {
      const { result } = await get(`/api/v1/query?query=${encodeURIComponent(expr)}`)
      return result.map(({ metric, value }: Json) => ({ metric, value: Number(value[1]) }))
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await exited
    },
  }
}
