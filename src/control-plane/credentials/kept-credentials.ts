import type { KafkaCluster } from '../../contract/source.ts'
import { inTime } from '../../core/deadline.ts'
import { Fault } from '../../core/fault.ts'
import { SharedAnswer } from '../../core/shared-answer.ts'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient, ObjectName } from '../../kube/client.ts'
import { asFault, isFault } from '../../kube/faults.ts'
import { keyOf, type Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { credentialName } from './credential-name.ts'
import type {
  CredentialOwner,
  CredentialRequest,
  Credentials,
  CredentialSource,
  CredentialVerdict,
} from './credentials.ts'
import { judgeRequest, madeOf, refusal, secretsOf, type CredentialJudgement } from './judge.ts'
import { SecretReader, type SecretSeen } from './secret-reader.ts'
import { StoredCredentials } from './stored.ts'
import { Unnamed } from './unnamed.ts'

export interface KeptCredentialsOptions {
  readonly client: KubeClient
  /** The system namespace: its Secrets are for all. */
  readonly system: string
  /** Where credentials are kept for the workers, and all Secrets that are there. */
  readonly namespace: string
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told of owners whose answer is another one now. */
  readonly changed: (owner: CredentialOwner) => void
  /** Names of credentials that are in use somewhere, besides those that are wanted; null: that is not known yet. */
  readonly named: () => Iterable<string> | null
}

/** What is in order may be so old for one who asks for the first time, milliseconds. */
const goodMs = 60_000
/** And what is not. */
const doubtfulMs = 1_000
/** A Secret that is not in order is looked at so soon again, milliseconds, and each time after twice that, until it is as often as any other. */
const soonMs = 2_000
const manySoon = 5

type Judged = Exclude<CredentialJudgement, { kind: 'good' }> | { readonly kind: 'ready' }

interface Asker {
  owner: CredentialOwner
  /** The answer that it has. */
  told: string | undefined
}

/** One credential, whoever wants it. */
interface Kept {
  readonly name: string
  readonly bootstrapServers: string
  readonly request: CredentialRequest
  readonly secrets: readonly ObjectName[]
  readonly askers: Map<string, Asker>
  /** Judges it anew. */
  readonly look: SharedAnswer<void>
  judged: Judged | undefined
  /** Its Secrets were read and not judged yet. */
  stale: boolean
  /** How often it is still to be looked at soon. */
  soon: number
}

/** See {@link Credentials}. */
export class KeptCredentials implements Credentials {
  readonly #options: KeptCredentialsOptions
  readonly #reader: SecretReader
  readonly #stored: StoredCredentials
  readonly #kept = new Map<string, Kept>()
  /** Names by UID of the owner. */
  readonly #wanted = new Map<string, string>()
  /** Names by the Secrets that they are made of. */
  readonly #bySecret = new Map<string, Set<string>>()

  constructor(options: KeptCredentialsOptions) {
    const { store, namespace, client, signal, logger } = options
    this.#options = options
    this.#reader = new SecretReader({ ...options, looked: (secret) => this.#looked(secret) })
    this.#stored = new StoredCredentials({ client, store, namespace })
    // Someone changed or removed what we wrote, or this is the echo of it.
    store.subscribe(({ object }) => {
      const kept = this.#kept.get(object.metadata.name)
      if (kept?.judged !== undefined) this.#lookAgain(kept)
    })
    const inUse = (): ReadonlySet<string> | null => {
      const named = options.named()
      return named === null ? null : new Set([...this.#kept.keys(), ...named])
    }
    const unnamed = new Unnamed({ stored: this.#stored, store, inUse, clock: options.clock, logger, signal })
    unnamed.start()
  }

  source(cluster: KafkaCluster): CredentialSource | undefined {
    return this.#stored.source(cluster)
  }

  has(cluster: KafkaCluster): boolean {
    return this.#stored.has(cluster)
  }

  async want(
    owner: CredentialOwner,
    bootstrapServers: string,
    request: CredentialRequest,
    signal: AbortSignal,
  ): Promise<CredentialVerdict> {
    const kept = this.#keep(owner, bootstrapServers, request)
    const before = kept.askers.get(owner.uid)
    const maxAgeMs = this.#maxAgeMs(kept, before?.owner, owner)
    const asker: Asker = { owner, told: undefined }
    kept.askers.set(owner.uid, asker)
    const work = this.#current(kept, maxAgeMs)
    if ((await inTime(work, { signal })).late) throw new Fault('Closed', 'it was given up')
    const verdict = this.#verdict(kept, owner)
    asker.told = JSON.stringify(verdict)
    if (before === undefined && verdict.kind === 'faulty') this.doubt(kept.name)
    return verdict
  }

  forget(uid: string): void {
    const name = this.#wanted.get(uid)
    const kept = name === undefined ? undefined : this.#kept.get(name)
    this.#wanted.delete(uid)
    if (kept === undefined || !kept.askers.delete(uid) || kept.askers.size > 0) return
    this.#kept.delete(kept.name)
    for (const secret of kept.secrets) {
      this.#reader.release(secret, kept.name)
      const names = this.#bySecret.get(keyOf(secret))
      names?.delete(kept.name)
      if (names?.size === 0) this.#bySecret.delete(keyOf(secret))
    }
  }

  doubt(name: string): void {
    const kept = this.#kept.get(name)
    if (kept !== undefined && kept.soon === 0) this.#hurry(kept)
  }

  #keep(owner: CredentialOwner, bootstrapServers: string, request: CredentialRequest): Kept {
    const name = credentialName(bootstrapServers, request)
    if (this.#wanted.get(owner.uid) !== name) this.forget(owner.uid)
    this.#wanted.set(owner.uid, name)
    const known = this.#kept.get(name)
    if (known !== undefined) return known
    const kept: Kept = {
      ...{ name, bootstrapServers, request, secrets: secretsOf(request), askers: new Map() },
      look: new SharedAnswer(() => this.#look(kept)),
      ...{ judged: undefined, stale: true, soon: 0 },
    }
    this.#kept.set(name, kept)
    for (const secret of kept.secrets) {
      this.#reader.hold(secret, name)
      const names = this.#bySecret.get(keyOf(secret)) ?? new Set()
      this.#bySecret.set(keyOf(secret), names.add(name))
    }
    return kept
  }

  /** Who asks as before gets what is known: it is read again by itself. */
  #maxAgeMs({ judged }: Kept, before: CredentialOwner | undefined, owner: CredentialOwner): number | null {
    if (before !== undefined) return before.revision === owner.revision ? Infinity : null
    return judged?.kind === 'faulty' ? doubtfulMs : goodMs
  }

  /** What was known before counts while the API server does not answer. */
  async #current(kept: Kept, maxAgeMs: number | null): Promise<void> {
    try {
      await Promise.all(kept.secrets.map((secret) => this.#reader.read(secret, maxAgeMs)))
      if (kept.judged === undefined || kept.stale) await kept.look.get()
    } catch (error) {
      if (kept.judged === undefined) throw error
    }
  }

  /** A Secret was read. */
  #looked(secret: ObjectName): void {
    for (const name of this.#bySecret.get(keyOf(secret)) ?? []) {
      const kept = this.#kept.get(name)
      if (kept === undefined) continue
      kept.stale = true
      this.#lookAgain(kept)
      if (kept.soon > 0) this.#hurry(kept)
    }
  }

  #lookAgain(kept: Kept): void {
    kept.look.get().catch((error: unknown) => {
      if (this.#options.signal.aborted) return
      this.#options.logger.warn(
        { err: error, credential: kept.name },
        'a credential could not be renewed; trying again',
      )
      this.#hurry(kept)
    })
  }

  /** Has its Secrets read a few times soon: now is when somebody mends them. */
  #hurry(kept: Kept): void {
    kept.soon = (kept.soon + 1) % (manySoon + 1)
    if (kept.soon === 0) return
    for (const secret of kept.secrets) this.#reader.lookWithin(secret, soonMs * 2 ** (kept.soon - 1))
  }

  async #look(kept: Kept): Promise<void> {
    const { signal, clock } = this.#options
    kept.stale = false
    const before = kept.judged
    // Not all of them were read yet: whoever does comes here again.
    if (kept.secrets.some((secret) => this.#reader.seen(secret) === undefined)) return
    try {
      const judgement = judgeRequest(kept.request, this.#seen, new Date(clock.now()))
      kept.judged = judgement.kind === 'good' ? await this.#put(kept, judgement, signal) : judgement
    } catch (error) {
      kept.stale = true
      throw error
    }
    if (kept.judged.kind === 'faulty' && before?.kind !== 'faulty') this.#hurry(kept)
    for (const asker of kept.askers.values()) {
      const now = JSON.stringify(this.#verdict(kept, asker.owner))
      if (asker.told === undefined || asker.told === now) continue
      asker.told = now
      this.#options.changed(asker.owner)
    }
  }

  readonly #seen = (secret: ObjectName): SecretSeen | undefined => this.#reader.seen(secret)

  async #put(
    { name, bootstrapServers, request }: Kept,
    { credential }: Extract<CredentialJudgement, { kind: 'good' }>,
    signal: AbortSignal,
  ): Promise<Judged> {
    try {
      await this.#stored.put(name, { bootstrapServers, credential }, madeOf(request), signal)
      return { kind: 'ready' }
    } catch (error) {
      if (!isFault(error, 'ApiForbidden', 'ApiNotFound', 'ApiRefused')) throw error
      const { namespace } = this.#options
      const message = `${madeOf(request)} is in order, and cannot be handed on to the workers in namespace ${namespace}: ${asFault(error).message}. Apply the manifests of Millrace again: they have that namespace and the rights in it`
      return { kind: 'faulty', reason: 'CredentialNotStored', message }
    }
  }

  #verdict({ name, bootstrapServers, judged, request }: Kept, owner: CredentialOwner): CredentialVerdict {
    const refused = refusal(owner, request, this.#options.system, this.#seen)
    if (refused !== null) return { kind: 'faulty', reason: 'SecretForbidden', message: refused }
    if (judged === undefined) throw new Fault('Closed', 'nothing is known of it')
    if (judged.kind === 'none') return judged
    if (judged.kind === 'ready') return { kind: 'ready', name }
    if (!this.#stored.has({ bootstrapServers, credential: name })) return judged
    const message = `${judged.message}. Until then what was good before stays in force`
    return { ...judged, message, lastGood: name }
  }
}
