import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const longest =
  /\/(positions-survive|workers-progress|foreign-records\.kafka|control-plane(\.sources)?|kafka-auth\.kafka|webhook|no-event-lost)\.test\.ts$/

/**
 * Those that take minutes begin first: the rest is done meanwhile. On a fresh machine nobody has measured yet how long each takes. Unit tests come
 * last, one after the other: a process goes on to the next file only where that is of the same project.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const turn = ({ moduleId, project }: TestSpecification): number =>
      project.name === 'unit' ? 2 : longest.test(moduleId) ? 0 : 1
    return [...(await super.sort(files))].sort((one, other) => turn(one) - turn(other))
  }
}

/** Deadlines are for what hangs. A test that passes never waits for one, however slow the machine of the day. */
const patient = { testTimeout: 180_000, hookTimeout: 240_000, expect: { poll: { timeout: 60_000 } } }

/**
 *     unit       beside the code, no process, no network but loopback
 *     suites     one suite of promises a port, run on every adapter of it, the real Kafka included
 *     features   what a user sees, as sentences, through real processes
 *     interop    events to and from the CloudEvents SDKs of four languages
 *     fences     the import law and the lint rules catch a seeded breach
 *
 * One of them alone: `npx vitest run --project unit`. One real Kafka serves a whole run, and only when suites, features or interop take part;
 * one real Kubernetes API server serves a whole run too, from the first test that asks for it. What needs a whole cluster is apart:
 * vitest.e2e.config.ts.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // Many of the slow ones wait more than they work: for a Kafka to come up, for positions to outlive their retention.
    maxWorkers: 4,
    projects: [
      // Four processes for all files: a third less CPU time than a process and all imports for each. They leave nothing behind for each other.
      { test: { name: 'unit', include: ['src/**/*.test.ts'], isolate: false, ...patient } },
      { test: { name: 'suites', include: ['test/suites/**/*.test.ts'], ...withServers() } },
      { test: { name: 'features', include: ['test/features/**/*.test.ts'], ...withServers() } },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], ...withServers() } },
      { test: { name: 'fences', include: ['test/fences/**/*.test.ts'], ...patient } },
    ],
  },
})

function withServers() {
  return {
    globalSetup: ['test/support/kafka-setup.ts', 'test/support/api-setup.ts'],
    // A Kafka that a test starts for itself does not live long enough to gain by what Java compiles with more care.
    env: { KAFKA_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1' },
    ...patient,
  }
}
