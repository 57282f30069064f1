import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

/** A file as it is sent. */
export interface PageFile {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Only files of ours may run or style: what an event brings stays text, even if it got in as markup. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** For every answer, whatever it is. */
export const safetyHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

/** Name to file: all that is beside the page, read once. The browser asks each time whether it is still the same. */
export function readPageFiles(folder = join(import.meta.dirname, 'page')): ReadonlyMap<string, PageFile> {
  return new Map(
    readdirSync(folder)
      .filter((name) => types[extname(name)] !== undefined)
      .map((name) => {
        const body = readFileSync(join(folder, name))
        const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
        return [
          name,
          { body, headers: { 'content-type': types[extname(name)] ?? '', 'cache-control': 'no-cache', etag } },
        ]
      }),
  )
}
