import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient, KubeObject, StoredObject } from './client.ts'
import { asFault, isFault } from './faults.ts'
import { kinds } from './kinds.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { isoOf } from '../core/iso.ts'

/** Room for both turns of an object that fell and came back, then one a second. */
const perObject = { burst: 3, perSecond: 1 }
const overall = { burst: 25, perSecond: 5 }
/** Of the burst so many are kept for Events that nobody offers again, such as that something is no longer Ready. */
const keptBack = 10
/** So many different Events are counted up; of one that fell out a new one begins. */
const remembered = 1_000
/** The API server keeps an Event for an hour; one that did not come again for this long begins anew. */
const forgottenMs = 600_000
const messageLimit = 1_024

interface RecorderOptions {
  readonly client: KubeClient
  /** Who says so: `millrace-controller`. */
  readonly component: string
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Tells users, with `kubectl describe`, what happened to an object. */
export interface EventRecorder {
  /** Returns at once. What comes too fast, or is refused, is dropped. `reason`: CamelCase; `message`: a sentence. */
  event(object: StoredObject, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** As `event`. False: it comes too fast now, and nothing was done; whoever wants it told tries again. */
  offer(object: StoredObject, type: 'Normal' | 'Warning', reason: string, message: string): boolean
}

interface Story {
  readonly namespace: string
  readonly involvedObject: { readonly name: string; readonly [field: string]: unknown }
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly firstTimestamp: string
  lastTimestamp: string
  lastAt: number
  /** How often it happened, dropped ones included. */
  count: number
  /** Of the Event that the API server has. */
  name: string | undefined
}

/**
 *     event ──► same object, type, reason, message? count it up ──► rate (object, overall) ──► one request at a time
 *                                                                     └─ dropped; the next one tells its count too
 */
export function eventRecorder(options: RecorderOptions): EventRecorder {
  return new Recorder(options)
}

class Recorder implements EventRecorder {
  readonly #options: RecorderOptions
  readonly #overall: TokenBucket
  /** By uid. */
  readonly #objects = new Map<string, TokenBucket>()
  /** The one that was told last is last. */
  readonly #stories = new Map<string, Story>()
  /** To be sent, in order. A story stands here once. */
  readonly #pending = new Set<Story>()
  #sending = false

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#overall = new TokenBucket(overall, options.clock)
  }

  event(object: StoredObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const story = this.#story(object, type, reason, shortened(message))
    if (this.#mayTell(object)) this.#tell(story)
  }

  offer(object: StoredObject, type: 'Normal' | 'Warning', reason: string, message: string): boolean {
    if (!this.#mayTell(object, keptBack)) return false
    this.#tell(this.#story(object, type, reason, shortened(message)))
    return true
  }

  #mayTell({ metadata: { uid } }: StoredObject, leaving = 0): boolean {
    return !this.#options.signal.aborted && this.#bucket(uid).take() && this.#overall.take(leaving)
  }

  #tell(story: Story): void {
    this.#pending.add(story)
    if (!this.#sending) void this.#send()
  }

  #story(object: StoredObject, type: string, reason: string, message: string): Story {
    const { clock } = this.#options
    const key = JSON.stringify([object.metadata.uid, type, reason, message])
    const now = isoOf(clock.now())
    const known = this.#stories.get(key)
    this.#stories.delete(key)
    const fresh = known !== undefined && clock.monotonic() - known.lastAt < forgottenMs
    const story = fresh
      ? known
      : {
          ...about(object),
          type,
          reason,
          message,
          firstTimestamp: now,
          lastTimestamp: now,
          lastAt: 0,
          count: 0,
          name: undefined,
        }
    story.count += 1
    story.lastTimestamp = now
    story.lastAt = clock.monotonic()
    this.#stories.set(key, story)
    dropFirst(this.#stories)
    return story
  }

  #bucket(uid: string): TokenBucket {
    const bucket = this.#objects.get(uid) ?? new TokenBucket(perObject, this.#options.clock)
    this.#objects.delete(uid)
    this.#objects.set(uid, bucket)
    dropFirst(this.#objects)
    return bucket
  }

  async #send(): Promise<void> {
    const { signal, logger } = this.#options
    this.#sending = true
    for (const story of this.#pending) {
      this.#pending.delete(story)
      if (signal.aborted) break
      try {
        await this.#write(story)
      } catch (error) {
        // An object in a namespace that is being deleted, an API server that is away: the status says the same, and longer.
        logger.debug({ err: asFault(error), reason: story.reason }, 'an Event could not be written')
      }
    }
    this.#sending = false
  }

  async #write(story: Story): Promise<void> {
    const { client, signal } = this.#options
    const { namespace, name, count, lastTimestamp } = story
    if (name !== undefined) {
      try {
        const body = { count, lastTimestamp }
        await client.patch(kinds.event, { namespace, name }, { kind: 'merge', body }, signal)
        return
      } catch (error) {
        if (!isFault(error, 'ApiNotFound')) throw error
      }
    }
    const event = this.#eventOf(story)
    await client.create(kinds.event, event, signal)
    story.name = event.metadata.name
  }

  #eventOf({
    namespace,
    involvedObject,
    type,
    reason,
    message,
    count,
    firstTimestamp,
    lastTimestamp,
  }: Story): KubeObject {
    const { component } = this.#options
    const id = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    // The longest name is 253.
    const prefix = involvedObject.name.slice(0, 236).replace(/\W+$/, '')
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${prefix}.${id}`, namespace },
      involvedObject,
      ...{ type, reason, message, count, firstTimestamp, lastTimestamp },
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    }
  }
}

/** Only what names it: a story may be remembered long after its object. */
function about({ apiVersion, kind, metadata }: StoredObject): Pick<Story, 'namespace' | 'involvedObject'> {
  const { name, namespace, uid, resourceVersion } = metadata
  const involvedObject = {
    apiVersion,
    kind,
    name,
    uid,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
  }
  // Events of what has no namespace stand in `default`.
  return { namespace: namespace ?? 'default', involvedObject }
}

function shortened(message: string): string {
  return message.length <= messageLimit ? message : `${message.slice(0, messageLimit - 1)}…`
}

function dropFirst(map: Map<string, unknown>): void {
  if (map.size <= remembered) return
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}
