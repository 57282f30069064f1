import type { Clock } from '../../core/clock.ts'
import type { KubeClient, Resource, StoredObject } from '../../kube/client.ts'
import { canonicalJson, sameJson } from '../../kube/equal.ts'
import { isFault } from '../../kube/faults.ts'
import { kinds } from '../../kube/kinds.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { bindingName, bindingKindsName } from './names.ts'

interface KindRulesParts {
  readonly client: KubeClient
  /** The kinds that the webhook is to be asked about, besides those that its manifest names. */
  readonly wanted: () => readonly Resource[]
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

interface Webhook {
  readonly [field: string]: unknown
}

const retryMs = 5_000
/** Until so long after the start no rule is taken away: not all that is bound is known yet. Then also how old our knowledge of them may be. */
const settleMs = 60_000

/**
 * Has the webhook of workloads asked about kinds of others too, as long as a SinkBinding binds one of them. Their rules stand in a configuration of
 * their own, which the manifests ship empty: who applies these again leaves it alone.
 */
export class KindRules {
  readonly #parts: KindRulesParts
  #running = false
  #again = false
  /** What stood there last, as far as we know. */
  #last: { readonly rules: string; readonly at: number } | undefined
  readonly #startedAt: number

  constructor(parts: KindRulesParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.monotonic()
    const timer = setTimeout(this.look, settleMs)
    parts.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  /** The kinds may be other ones now. */
  readonly look = (): void => {
    this.#again = true
    if (!this.#running) void this.#run()
  }

  async #run(): Promise<void> {
    const { wanted, clock, logger, signal } = this.#parts
    this.#running = true
    while (this.#again && !signal.aborted) {
      this.#again = false
      const rules = wanted()
        .map(ruleOf)
        .toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1))
      const now = clock.monotonic()
      if (canonicalJson(rules) === this.#last?.rules && now - this.#last.at < settleMs) continue
      try {
        await this.#write(rules, now - this.#startedAt >= settleMs)
        this.#last = { rules: canonicalJson(rules), at: now }
      } catch (error) {
        if (signal.aborted) break
        if (!isFault(error, 'ApiConflict'))
          logger.warn({ err: error }, 'the webhook could not be told of more kinds; trying again')
        this.#again = true
        await pause(retryMs, signal)
      }
    }
    this.#running = false
  }

  async #write(wanted: readonly object[], whole: boolean): Promise<void> {
    const { client, signal } = this.#parts
    const read = (name: string): Promise<StoredObject | null> =>
      client.get(kinds.mutatingWebhook, { namespace: '', name }, signal)
    const [model, live] = [await read(bindingName), await read(bindingKindsName)]
    const [webhook] = (model?.['webhooks'] ?? []) as readonly Webhook[]
    // Not installed: nobody is asked about anything.
    if (live === null || webhook === undefined) return
    const [before] = (live['webhooks'] ?? []) as readonly { readonly rules?: readonly object[] }[]
    const kept = (before?.rules ?? []).filter((rule) => !whole && !wanted.some((each) => sameJson(each, rule)))
    const rules = [...wanted, ...kept]
    const webhooks = rules.length === 0 ? [] : [{ ...webhook, name: bindingKindsName, rules }]
    if (sameJson(live['webhooks'] ?? [], webhooks)) return
    const guard = { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion }
    const body = [guard, { op: 'add', path: '/webhooks', value: webhooks }]
    await client.patch(kinds.mutatingWebhook, { namespace: '', name: bindingKindsName }, { kind: 'json', body }, signal)
  }
}

function ruleOf({ group, version, plural }: Resource): object {
  const operations = ['CREATE', 'UPDATE']
  return { apiGroups: [group], apiVersions: [version], operations, resources: [plural], scope: 'Namespaced' }
}
