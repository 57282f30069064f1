import type { TopicSpec } from '../../kafka/log.ts'

/** How a Broker's topic is made when nothing says otherwise. */
export type TopicSettings = Omit<TopicSpec, 'name'>

const partitionsKey = 'default.topic.partitions'
const replicationKey = 'default.topic.replication.factor'
const configPrefix = 'default.topic.config.'

/** Settings over `defaults` from the data of the ConfigMap that `spec.config` names, and sentences about what is wrong in it. */
export function readTopicConfig(
  data: Readonly<Record<string, unknown>>,
  defaults: TopicSettings,
): { settings: TopicSettings; problems: readonly string[] } {
  const problems: string[] = []
  const count = (key: string, fallback: number): number => {
    const value = data[key]
    if (value === undefined || value === null) return fallback
    const text = textOf(value)
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    problems.push(`${key} is ${JSON.stringify(value)}; it must be a whole number of 1 or more, in quotes`)
    return fallback
  }
  const config: Record<string, string> = { ...defaults.config }
  for (const [key, value] of Object.entries(data)) {
    if (key.startsWith(configPrefix)) config[key.slice(configPrefix.length)] = textOf(value)
  }
  const partitions = count(partitionsKey, defaults.partitions)
  return {
    settings: { partitions, replicationFactor: count(replicationKey, defaults.replicationFactor), config },
    problems,
  }
}

/** Values of a ConfigMap are text; on a laptop nobody checked that. */
function textOf(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).trim()
}
