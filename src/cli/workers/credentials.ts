import { Credential } from '../../contract/credential.ts'
import { Fault } from '../../core/fault.ts'
import type { KafkaSecurity, SecuritySource } from '../../kafka/security.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** Where credentials are kept: Secrets, or files. */
export interface CredentialTexts {
  /** The credential as JSON, or a sentence that says why there is none. */
  read(name: string): { readonly text: string } | { readonly missing: string }
  /** How a message names it, e.g. `Secret millrace-credentials/a1b2`. */
  title(name: string): string
  /** Calls `listener` with the name of each credential that may have changed; undefined: all of them may have. */
  subscribe(listener: (name?: string) => void): void
}

/** One credential, until the last one that follows it has stopped. */
interface Known {
  /** Of the last look. Undefined: nothing was there. */
  text: string | undefined
  /** The last one that could be used: it stays in force while there is nothing better. */
  good: KafkaSecurity | undefined
  /** Why there is nothing better. */
  problem: string
  readonly listeners: Set<() => void>
}

/**
 * What to sign in to Kafka with, by name. May come late and may change while connections are open.
 *
 *     text ─► of our form? ── yes ─► in force, listeners told
 *      │           └── no ─► said in the log; what was in force stays: a rotation that goes wrong takes nothing away
 *      └─ gone ─► the same. Who is to be shut out is shut out in Kafka; a Secret that is deleted by mistake stops nothing before the next start
 */
export class Credentials {
  readonly #open: () => CredentialTexts
  readonly #logger: Logger
  readonly #known = new Map<string, Known>()
  #texts: CredentialTexts | undefined

  /** @param open called when the first credential is asked for: who needs none has no use for the rights that it takes. */
  constructor(open: () => CredentialTexts, logger: Logger) {
    this.#open = open
    this.#logger = logger
  }

  /** @returns a source whose `current` throws CredentialNotFound until there was one that can be used. */
  of(name: string): SecuritySource {
    const texts = this.#opened()
    this.#knownAs(name, texts)
    return {
      current: () => {
        const known = this.#knownAs(name, texts)
        if (known.good !== undefined) return known.good
        // why nothing is there may have changed without a word
        this.#look(texts, name, known)
        if (known.good !== undefined) return known.good
        throw new Fault('CredentialNotFound', known.problem)
      },
      subscribe: (listener) => {
        const known = this.#knownAs(name, texts)
        // a function of its own, so that who subscribes the same one twice stops each by itself
        const told = (): void => listener()
        known.listeners.add(told)
        return () => {
          // names come and go, and a password lies nowhere for longer than it is used
          if (known.listeners.delete(told) && known.listeners.size === 0) this.#known.delete(name)
        }
      },
    }
  }

  #knownAs(name: string, texts: CredentialTexts): Known {
    const before = this.#known.get(name)
    if (before !== undefined) return before
    const known: Known = { text: undefined, good: undefined, problem: '', listeners: new Set() }
    this.#known.set(name, known)
    this.#look(texts, name, known)
    return known
  }

  #opened(): CredentialTexts {
    if (this.#texts !== undefined) return this.#texts
    const texts = this.#open()
    this.#texts = texts
    texts.subscribe((name) => {
      for (const [each, known] of this.#known) if (name === undefined || name === each) this.#look(texts, each, known)
    })
    return texts
  }

  #look(texts: CredentialTexts, name: string, known: Known): void {
    const found = texts.read(name)
    if ('missing' in found) {
      known.problem = found.missing
      if (known.text !== undefined) this.#kept(texts.title(name), 'has gone', known.good === undefined)
      known.text = undefined
      return
    }
    if (found.text === known.text) return
    known.text = found.text
    const read = credentialOf(found.text)
    if ('problem' in read) {
      known.problem = `${texts.title(name)} cannot be used: ${read.problem}`
      this.#kept(texts.title(name), `cannot be used: ${read.problem}`, known.good === undefined)
      return
    }
    known.good = read.credential
    for (const listener of known.listeners) listener()
  }

  #kept(title: string, what: string, none = false): void {
    this.#logger.warn(
      {},
      `${title} ${what}${none ? '' : '; what it held before stays in force until this process ends'}`,
    )
  }
}

/** A problem never quotes what is secret. */
function credentialOf(text: string): { readonly credential: KafkaSecurity } | { readonly problem: string } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { problem: 'it is no JSON' }
  }
  const read = Credential.safeParse(json)
  if (read.success) return { credential: read.data }
  const problems = read.error.issues.map(
    ({ path, message }) => `${['credential', ...path].map(String).join('.')}: ${message}`,
  )
  return { problem: problems.join('; ') }
}
