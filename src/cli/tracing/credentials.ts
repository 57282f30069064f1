import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { http } from '../../core/node-http.ts'
import type { CollectorCredentials } from '../../telemetry/tracing/otlp.ts'
import { parsePairs, type TracingSettings } from './settings.ts'

/**
 * What a collector wants to see of us: read before each request (a second at least lies between two), so that a Secret that is rotated is in force without
 * a restart.
 * @throws Error that names the file, and never shows what it holds.
 */
export function collectorCredentials(settings: Pick<TracingSettings, 'headers' | 'certificate' | 'folder'>) {
  return (): CollectorCredentials => {
    const { headers, certificate, folder } = settings
    const inFolder = (name: string) => (folder === undefined ? undefined : text(join(folder, name)))
    const ca = inFolder('ca.crt') ?? (certificate === undefined ? undefined : readFileSync(certificate, 'utf8'))
    return { headers: valid({ ...headers, ...read(inFolder('headers')) }), ...(ca === undefined ? {} : { ca }) }
  }
}

function read(lines: string | undefined): Readonly<Record<string, string>> {
  const problems: string[] = []
  const headers = parsePairs(lines ?? '', 'headers of the collector', problems)
  if (problems[0] !== undefined) throw new Error(problems[0])
  return headers
}

function valid(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    try {
      http.validateHeaderName(name)
      http.validateHeaderValue(name, value)
    } catch {
      throw new Error('a header for the collector has characters that no header may have')
    }
  }
  return headers
}

/** Undefined: there is no such file. */
function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
