import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'

/** Who asks for lineage shows the token in it. */
const tokenHeader = 'x-millrace-token'

/** Who may ask. */
export type LineageAccess =
  /** Who shows what is in this file. It is read each time: a Secret may come later, or change. */
  | { readonly kind: 'token'; readonly file: string }
  /** Whoever reaches us, from programs of this machine alone. */
  | { readonly kind: 'loopback' }
  /** Nobody. */
  | { readonly kind: 'closed'; readonly why: string }

/** Why whoever asks is not answered; null: he is. */
export async function refusal(request: IncomingMessage, access: LineageAccess): Promise<string | null> {
  if (access.kind === 'closed') return access.why
  if (access.kind === 'loopback') {
    if (!isLoopbackName(request.headers.host ?? '')) return 'this address answers to localhost and 127.0.0.1 only'
    return isOfPage(request) ? 'pages of other origins may not read this' : null
  }
  const token = await tokenIn(access.file)
  if (token === '') {
    return `there is no token in ${access.file} yet: the controller makes it, Secret millrace-lineage, and a pod that was there before sees it within about a minute`
  }
  const given = request.headers[tokenHeader]
  if (given === undefined) return `header ${tokenHeader} is missing: it carries key token of Secret millrace-lineage`
  return typeof given === 'string' && isSame(given, token) ? null : `header ${tokenHeader} is not the token`
}

async function tokenIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim()
}

/** A name that somebody else bent to this machine is not one of its own. */
function isLoopbackName(header: string): boolean {
  const name = header.replace(/:\d+$/, '').toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}

/** Browsers say who asks. */
function isOfPage({ headers: { origin, host, ...headers } }: IncomingMessage): boolean {
  const isOther = origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase())
  return isOther || headers['sec-fetch-site'] === 'cross-site'
}

/** In a time that does not tell how much of it was right. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(left, right)
}
