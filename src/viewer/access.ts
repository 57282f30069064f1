import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who may see, and who may send. */
export interface AccessRules {
  /** Who wants to see must have it; absent: everybody may. */
  readonly token?: string | undefined
  /** Whether who sends events must have it too. */
  readonly protectIngest: boolean
  /** Only this machine can reach us, so a request for another host comes from a page that bent its own name to here. */
  readonly loopback: boolean
}

/** What is to be done with a request. */
export type Verdict =
  | { readonly kind: 'allowed' }
  /** The token came in the URL: put it into the cookie, and the URL without it into the address bar. */
  | { readonly kind: 'enter'; readonly cookie: string; readonly location: string }
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly detail: string }

const allowed: Verdict = { kind: 'allowed' }

/**
 *     Host not ours, and only this machine reaches us ─► 403 (DNS rebinding)
 *     asked by a page of somebody else ─► 403
 *     POST ─► allowed, or with --protect-ingest: by header or ?token=, never by cookie
 *     GET  ─► Authorization: Bearer, cookie, or once ?token=
 */
export function judge(request: IncomingMessage, url: URL, rules: AccessRules): Verdict {
  if (rules.loopback && !isLoopbackName(request.headers.host ?? '')) {
    return refused(403, 'this address answers to localhost and 127.0.0.1 only')
  }
  if (isForeign(request)) return refused(403, 'pages of other origins may not read this')
  const { token } = rules
  if (token === undefined) return allowed
  if (request.method === 'POST') {
    if (!rules.protectIngest || bears(request, token) || sameText(url.searchParams.get('token') ?? '', token))
      return allowed
    return refused(401, 'events need the token here: Authorization: Bearer <token>, or ?token=<token>')
  }
  if (bears(request, token)) return allowed
  if (sameText(cookieOf(request, cookieName(token)), cookieValue(token))) return allowed
  const given = url.searchParams.get('token')
  if (given === null || !sameText(given, token)) {
    return refused(
      401,
      given === null
        ? 'a token is needed: Authorization: Bearer <token>, or open /?token=<token>'
        : 'this is not the token',
    )
  }
  url.searchParams.delete('token')
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : ''
  return {
    kind: 'enter',
    cookie: `${cookieName(token)}=${cookieValue(token)}; Path=/; HttpOnly; SameSite=Lax${secure}`,
    // Relative, for who is behind a proxy with a path of its own; never `//host`.
    location: `./${url.pathname.split('/').at(-1) ?? ''}${url.search}`,
  }
}

/** Whether `host` is an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function isLoopbackName(header: string): boolean {
  const name = header.replace(/:\d+$/, '').toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}

/** Browsers tell who asks: a WebSocket comes with an Origin, which no rule of theirs holds against it, so we must. */
function isForeign({ headers, method }: IncomingMessage): boolean {
  if (headers.origin !== undefined && !sameHost(headers.origin, headers.host)) return true
  // Somebody may follow a link to the page from anywhere, but not fetch what is behind it.
  const isNavigation = method === 'GET' && headers['sec-fetch-mode'] === 'navigate'
  return headers['sec-fetch-site'] === 'cross-site' && !isNavigation
}

function sameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}

function bears({ headers }: IncomingMessage, token: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1]
  return given !== undefined && sameText(given, token)
}

function cookieOf({ headers }: IncomingMessage, name: string): string {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
}

/** Tells that somebody had the token, without being it. */
function cookieValue(token: string): string {
  return createHash('sha256').update(`millrace viewer ${token}`).digest('hex')
}

/** Cookies know no ports: two viewers of one machine need two names. */
function cookieName(token: string): string {
  return `millrace_viewer_${createHash('sha256').update(`name ${token}`).digest('hex').slice(0, 8)}`
}

/** In a time that does not tell how much of it was right. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(left, right)
}

function refused(status: 401 | 403, detail: string): Verdict {
  return { kind: 'refused', status, detail }
}
