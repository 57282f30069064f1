import { webhookFamilies } from '../../control-plane/webhook/webhook-metrics.ts'
import { dispatcherFamilies } from '../../data-plane/dispatcher/metric-families.ts'
import { ingressFamilies } from '../../data-plane/ingress/metrics.ts'
import { kafkaFamilies, membershipFamilies } from '../../kafka/kafka-metrics.ts'
import { kubeFamilies } from '../../kube/kube-metrics.ts'
import { loopFamilies } from '../../kube/loop-metrics.ts'
import { lineageFamilies } from '../../telemetry/journal/journal-metrics.ts'
import type { Family } from '../../telemetry/metrics/family.ts'
import { processFamilies } from '../../telemetry/metrics/process.ts'
import { tracingFamilies } from '../../telemetry/tracing/counts.ts'
import { leaderFamilies } from '../controller/leader-metrics.ts'

/** Where a metric is told. */
type Role = 'ingress' | 'dispatcher' | 'controller'

interface Entry {
  readonly family: Family
  readonly roles: readonly Role[]
}

const all: readonly Role[] = ['ingress', 'dispatcher', 'controller']
const parts: readonly (readonly [readonly Family[], readonly Role[]])[] = [
  [ingressFamilies, ['ingress']],
  [dispatcherFamilies, ['dispatcher']],
  [membershipFamilies, ['dispatcher']],
  [kafkaFamilies, all],
  [kubeFamilies, all],
  [loopFamilies, ['controller']],
  [webhookFamilies, ['controller']],
  [leaderFamilies, ['controller']],
  [tracingFamilies, ['ingress', 'dispatcher']],
  [lineageFamilies, ['ingress', 'dispatcher']],
  [processFamilies, all],
]

/** All metrics that there are, each once, in the order in which they are told of. */
export function catalogue(): readonly Entry[] {
  const entries = new Map<string, Entry>()
  for (const [families, roles] of parts) {
    for (const family of families) {
      const known = entries.get(family.name)?.roles ?? []
      entries.set(family.name, { family, roles: [...known, ...roles] })
    }
  }
  return [...entries.values()]
}

/** The catalogue as a table of Markdown: what docs/observability.md shows. */
export function catalogueTable(): string {
  const rows = catalogue().map(({ family, roles }) => {
    const labels = family.labels.map((label) => `\`${label}\``).join(' ')
    const where = roles.length === all.length ? 'all' : roles.join(', ')
    return `| \`${family.name}\` | ${family.type} | ${where} | ${labels} | ${family.help} |`
  })
  return ['| metric | type | told by | labels | what it says, and what to do |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}
