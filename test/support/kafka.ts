import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'

/** `host:port` of the real Kafka of this test run. Only in test/suites and test/features. */
export function kafkaBootstrap(): string {
  return inject('kafka')
}

/**
 * A name that no other test uses, valid as a topic, group, namespace or object name: one Kafka serves the whole run, so tests
 * keep apart by their names. `prefix` is of [a-z0-9-] and up to 50 characters.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`
}

export const uniqueTopic = (): string => uniqueName('topic')
export const uniqueGroup = (): string => uniqueName('group')
